// The page of dms: lists, adds and removes documents through the API of its own origin.
import { createRoot } from "react-dom/client";

import { caller } from "./api.js";
import { Documents } from "./documents.jsx";
import "./style.css";

function LogIn() {
  const next = encodeURIComponent(location.pathname);
  return <p><a href={`/accounts/login/?next=${next}`}>Log in</a></p>;
}

const root = createRoot(document.querySelector("#app"));
const show = (content) => root.render(<><h1>Documents</h1>{content}</>);

try {
  const { user, csrf_token: token } = await caller("")("GET", "/api/session");
  show(user ? <Documents call={caller(token)} /> : <LogIn />);
} catch (error) {
  show(<p className="problem">{error.message}</p>);
}
