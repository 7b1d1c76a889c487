// Passkeys. A form with data-passkey first fetches options for the browser, which asks the user; then it is sent with
// the browser's answer. Such forms are hidden until this script runs in a browser that knows passkeys.

const known = window.PublicKeyCredential?.parseCreationOptionsFromJSON &&
  window.PublicKeyCredential.parseRequestOptionsFromJSON;

async function ask(form) {
  const create = form.dataset.passkey === "create";
  const body = new URLSearchParams(create ? new FormData(form) : {});
  const response = await fetch(form.dataset.options, { method: "POST", body });
  if (response.headers.get("Content-Type") !== "application/json") {
    throw new Error("That did not work. Load the page again.");
  }
  const options = await response.json();
  if (!response.ok) throw new Error(options.message);
  const credential = create
    ? await navigator.credentials.create(
      { publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey) })
    : await navigator.credentials.get(
      { publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
  return JSON.stringify(credential.toJSON());
}

function words(error) {
  switch (error.name) {
    case "NotAllowedError": return "Canceled, or there is no passkey for this server.";
    case "InvalidStateError": return "This device has a passkey for you here already.";
  }
  return error.message;
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!known) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fault = form.querySelector("[role=alert]");
    fault.textContent = "";
    try {
      form.elements.credential.value = await ask(form);
    } catch (error) {
      fault.textContent = words(error);
      return;
    }
    if (form.elements.current) form.elements.current.disabled = true; // it was checked
    form.submit();
  });
}
