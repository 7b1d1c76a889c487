package format

import "github.com/hookyard/hookyard"

// shapeWebGME writes WebGME's envelope, keys in its order, with the data's bytes unchanged.
func shapeWebGME(in Input) (Shaped, error) {
	e, p := in.Event, in.Project
	b := make([]byte, 0, len(e.Body)+len(e.Type)+2*len(p.Owner)+2*len(p.Name)+len(in.Hook.ID)+128)
	b = hookyard.AppendJSONString(append(b, `{"event":`...), e.Type)
	b = hookyard.AppendJSONString(append(b, `,"projectId":`...), p.ID())
	b = hookyard.AppendJSONString(append(b, `,"owner":`...), p.Owner)
	b = hookyard.AppendJSONString(append(b, `,"projectName":`...), p.Name)
	b = hookyard.AppendJSONString(append(b, `,"hookId":`...), in.Hook.ID)
	b = appendData(append(b, `,"data":`...), e)
	return Shaped{Body: append(b, '}'), ContentType: typeJSON}, nil
}
