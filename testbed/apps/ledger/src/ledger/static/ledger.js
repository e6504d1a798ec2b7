// Makes the page live. The served page works without it; the static build needs it.
const isStatic = document.body.dataset.page === "static";
const environment = window.ledgerEnvironment ?? {};
const api = (environment.apiUrl ?? "").replace(/\/$/, "");
const byId = (id) => document.getElementById(id);
const text = (id, value) => { if (byId(id).textContent !== String(value)) byId(id).textContent = value; };

// Amounts are decimal text and stay text: a number would lose digits.
function grouped(amount) {
  const [whole, cents] = amount.replace("-", "").split(".");
  return (amount.startsWith("-") ? "\u2212" : "") + whole.replace(/\B(?=(\d{3})+$)/g, ",") + "." + cents;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function row(entry, isNew) {
  const title = element("th", { scope: "row" }, entry.description);
  if (entry.note) title.append(element("span", { className: "note" }, entry.note));
  const when = element("time", { dateTime: entry.created_at }, entry.created_at.slice(0, 16).replace("T", " "));
  const sign = entry.amount.startsWith("-") ? "minus" : "plus";
  const balance = entry.balance === null ? element("span", { className: "pending" }, "pending") : grouped(entry.balance);
  const made = element("tr", { className: isNew ? "is-new" : "" }, title, element("td", {}, when),
    element("td", { className: `number ${sign}` }, grouped(entry.amount)), element("td", { className: "number" }, balance));
  made.dataset.id = entry.id;
  return made;
}

function show(page) {
  const known = new Set([...byId("entries").rows].map((each) => each.dataset.id));
  const first = known.size === 0;
  byId("entries").replaceChildren(...page.entries.map((each) => row(each, !first && !known.has(String(each.id)))));
  byId("balance").className = `amount ${page.balance.startsWith("-") ? "minus" : "plus"}`;
  byId("balance").lastChild.textContent = grouped(page.balance);
  text("count", page.count);
  text("waiting", page.jobs_waiting);
  byId("empty").hidden = page.entries.length > 0;
}

function notice(message) {
  byId("notice").hidden = !message;
  text("notice", message ?? "");
}

let refreshing = false;
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    const answer = await fetch(`${api}/api/entries`, { cache: "no-store" });
    if (!answer.ok) throw new Error(`the ledger answered ${answer.status}`);
    show(await answer.json());
    notice(null);
  } catch {
    notice("The ledger cannot be reached right now. This page goes on trying.");
  } finally {
    refreshing = false;
  }
}

const hasPending = () => document.querySelector(".pending") !== null || byId("waiting").textContent !== "0";

function live(state, description) {
  byId("live").dataset.state = state;
  text("live-text", description);
}

function listen() {
  const source = new EventSource(`${api}/api/events`);
  let ticks = 0;
  source.addEventListener("tick", (event) => {
    const tick = JSON.parse(event.data);
    byId("clock").dateTime = tick.time;
    text("clock", new Date(tick.time).toLocaleTimeString("en-GB"));
    text("release", tick.release);
    text("host", tick.instance.replace(/:\d+$/, ""));
    live("on", "connected");
    ticks += 1;
    // Others write as well: look now and then, and every second while the worker has work.
    if (hasPending() || !byId("notice").hidden || ticks % 5 === 0) refresh();
  });
  source.addEventListener("bye", () => live("retry", "moving to the next release"));
  source.addEventListener("error", () => {
    live("retry", "connection lost, trying again");
    // After a refusal, unlike after a lost connection, a browser does not try again by itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}

function wrong(fields) {
  for (const field of document.querySelectorAll("[data-field]")) {
    const message = fields[field.dataset.field];
    const input = field.querySelector("input");
    const help = field.querySelector(".help");
    help.dataset.hint ??= field.classList.contains("is-wrong") ? "" : help.textContent;
    field.classList.toggle("is-wrong", Boolean(message));
    input.toggleAttribute("aria-invalid", Boolean(message));
    if (message) input.setAttribute("aria-invalid", "true");
    help.textContent = message ? `${field.querySelector("label").textContent} ${message}.` : help.dataset.hint;
  }
  document.querySelector("[data-field].is-wrong input")?.focus();
}

byId("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(`${api}/api/entries`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    const body = await answer.json();
    wrong(body.error?.fields ?? {});
    if (answer.ok) {
      form.reset();
      form.description.focus();
      await refresh();
    } else if (!body.error?.fields) {
      notice(`The entry was not added: ${body.error?.message ?? answer.status}.`);
    }
  } catch {
    notice("The entry was not added: the ledger cannot be reached.");
  } finally {
    button.disabled = false;
  }
});

if (isStatic) {
  text("release", environment.release ?? "unknown");
  refresh();
}
listen();
