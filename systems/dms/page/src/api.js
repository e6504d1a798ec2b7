// Speaks with the backend, which is behind the page's own origin.

/** Returns a function that asks the API as the visitor whose token it is. */
export const caller = (token) => async (method, path, body) => {
  const headers = method === "GET" ? {} : { "X-CSRFToken": token };
  const answer = await fetch(path, { method, headers, body });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.detail ?? `the server answered ${answer.status}`);
  }
  return answer.status === 204 ? null : answer.json();
};
