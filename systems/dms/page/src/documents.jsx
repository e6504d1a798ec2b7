import { useEffect, useState } from "react";

function NewDocument({ add }) {
  const submitted = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    if (!fields.get("file").size) fields.delete("file");
    add(fields).then((added) => added && form.reset());
  };
  return (
    <form onSubmit={submitted}>
      <input name="title" required placeholder="Title" />
      <textarea name="text" placeholder="Text" />
      <input name="file" type="file" />
      <button>Add</button>
    </form>
  );
}

/** Lists the visitor's documents, adds and removes them; `call` asks the API. */
export function Documents({ call }) {
  const [found, setFound] = useState([]);
  const [problem, setProblem] = useState("");

  // Does something, then shows what is there now; resolves to whether it went well.
  const after = async (done) => {
    try {
      await done;
      setFound((await call("GET", "/api/documents/")).results);
      setProblem("");
      return true;
    } catch (error) {
      setProblem(error.message);
      return false;
    }
  };
  const add = (fields) => after(call("POST", "/api/documents/", fields));
  const remove = (id) => after(call("DELETE", `/api/documents/${id}/`));

  useEffect(() => void after(), [call]);

  return (
    <>
      <NewDocument add={add} />
      <ul>
        {found.map(({ id, title }) => (
          <li key={id}>
            <span>{title}</span>
            <button onClick={() => remove(id)}>Remove</button>
          </li>
        ))}
      </ul>
      {problem && <p className="problem">{problem}</p>}
    </>
  );
}
