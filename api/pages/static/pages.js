// What pages do besides, where scripts run: a form with `data-swap` changes the page in place instead of loading a new
// one. All of it works without. Our own few lines, for no package from which the server could serve a library at run
// time is known to be kept up, and other people's code is not kept in this repository.
"use strict";

(() => {
  const same = (url) => new URL(url, location.href).origin === location.origin;

  async function swap(url, push) {
    const main = document.querySelector("main");
    main.setAttribute("aria-busy", "true");
    let answer;
    try {
      answer = await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    } catch {
      location.assign(url);
      return;
    }
    const type = answer.headers.get("content-type") || "";
    if (!type.startsWith("text/html") || new URL(answer.url).pathname !== new URL(url, location.href).pathname) {
      location.assign(url); // sent elsewhere (to sign in), or no page: let the browser do what it does
      return;
    }
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["main", "nav.menu", "footer.foot"]) {
      const [old, fresh] = [document.querySelector(part), made.querySelector(part)];
      if (old && fresh) old.replaceWith(document.adoptNode(fresh));
    }
    document.title = made.title;
    if (push) history.pushState({ swapped: true }, "", answer.url);
    document.querySelector("main").focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("swapped"));
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-swap]") || form.method !== "get" || !same(form.action)) return;
    event.preventDefault();
    const url = new URL(form.action);
    const asked = new FormData(form, event.submitter);
    url.search = new URLSearchParams([...asked].filter(([, value]) => value !== "")).toString();
    swap(url.href, true);
  });

  history.replaceState({ swapped: true }, "");
  addEventListener("popstate", (event) => {
    if (event.state && event.state.swapped) swap(location.href, false);
  });
})();
