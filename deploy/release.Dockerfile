# The image of a release: goreleaser has built the binary already.
FROM alpine:3.22 AS base
RUN mkdir /data

FROM scratch
ARG TARGETPLATFORM
COPY --from=base /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY $TARGETPLATFORM/hookyard /hookyard
COPY --from=base --chown=65532:65532 /data /data
USER 65532:65532
ENV HOOKYARD_LISTEN=:8080 HOOKYARD_DATA=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["/hookyard", "status", "--ready"]
ENTRYPOINT ["/hookyard"]
CMD ["serve"]
