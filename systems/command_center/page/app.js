// Where the platform is, and the key that says no more than that this page asks.
const { VITE_SUPABASE_URL: url, VITE_SUPABASE_ANON_KEY: anon } = window.environment;
const [account, note, notes, said] = ["account", "note", "notes", "said"].map((id) => document.getElementById(id));
let token = "";

async function ask(path, options = {}) {
  const answer = await fetch(url + path, {
    ...options,
    headers: { "Content-Type": "application/json", apikey: anon, Authorization: `Bearer ${token || anon}` },
  });
  const text = await answer.text();
  const found = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(found?.message ?? answer.statusText);
  return found;
}

async function show() {
  const rows = await ask("/api/notes?select=id,text");
  notes.replaceChildren(...rows.map((row) => Object.assign(document.createElement("li"), { textContent: row.text })));
}

function listen() {
  const socket = new WebSocket(`${url.replace("http", "ws")}/realtime/socket/websocket?apikey=${anon}`);
  const payload = { access_token: token };
  socket.onopen = () => socket.send(JSON.stringify({ topic: "realtime:public:notes", event: "phx_join", payload, ref: "1" }));
  socket.onmessage = (message) => JSON.parse(message.data).event === "postgres_changes" && show();
}

function form(element, submit) {
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      await submit(Object.fromEntries(new FormData(element)), event.submitter);
    } catch (error) {
      said.textContent = error.message;
    }
  });
}

form(account, async ({ email, password }, button) => {
  const session = await ask(`/auth${button.value}`, { method: "POST", body: JSON.stringify({ email, password }) });
  token = session.access_token;
  account.hidden = true;
  note.hidden = false;
  listen();
  await show();
});
form(note, async ({ text }) => {
  await ask("/api/notes", { method: "POST", body: JSON.stringify({ text }) });
  note.reset();
  await show();
});
