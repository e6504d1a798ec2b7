// The page of dms: lists, adds and removes documents through the API of its own origin.
const app = document.querySelector("#app");
let token = "";

const node = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const call = async (method, path, body) => {
  const headers = method === "GET" ? {} : { "X-CSRFToken": token };
  const answer = await fetch(path, { method, headers, body });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.detail ?? `the server answered ${answer.status}`);
  }
  return answer.status === 204 ? null : answer.json();
};

const show = (...children) => app.replaceChildren(node("h1", { textContent: "Documents" }), ...children);
const problem = (error) => app.append(node("p", { className: "problem", textContent: error.message }));

const item = (each) => {
  const remove = node("button", { textContent: "Remove" });
  remove.onclick = () => call("DELETE", `/api/documents/${each.id}/`).then(documents).catch(problem);
  return node("li", {}, node("span", { textContent: each.title }), remove);
};

const form = () => {
  const made = node(
    "form",
    {},
    node("input", { name: "title", required: true, placeholder: "Title" }),
    node("textarea", { name: "text", placeholder: "Text" }),
    node("input", { name: "file", type: "file" }),
    node("button", { textContent: "Add" }),
  );
  made.onsubmit = (event) => {
    event.preventDefault();
    const fields = new FormData(made);
    if (!fields.get("file").size) fields.delete("file");
    call("POST", "/api/documents/", fields).then(documents).catch(problem);
  };
  return made;
};

const documents = async () => {
  const found = await call("GET", "/api/documents/");
  show(form(), node("ul", {}, ...found.results.map(item)));
};

const start = async () => {
  const session = await call("GET", "/api/session");
  token = session.csrf_token;
  if (session.user) return documents();
  const next = encodeURIComponent(location.pathname);
  show(node("p", {}, node("a", { href: `/accounts/login/?next=${next}`, textContent: "Log in" })));
};

start().catch(problem);
