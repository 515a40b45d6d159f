// A host for viewer.js in a page without a kernel: it stands where a widget's model does and answers from the page.
// The viewer's source lies in the page once and is imported from a Blob: from file:// no module can be fetched.
{
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  class Page {
    constructor(answers) {
      this.answers = answers;
      this.listeners = new Set();
    }

    on(_, listener) { this.listeners.add(listener); }

    off(_, listener) { this.listeners.delete(listener); }

    send({ id, kind, recording, clip }) {
      if (id === undefined) return; // news, not a question
      const found = this.answers[[kind, recording, clip].filter((part) => part !== undefined).join(" ")];
      const missing = { error: "This page holds a few clips only: open the viewer in the notebook for the others." };
      queueMicrotask(() => {
        for (const listener of this.listeners) listener({ ...(found ? found[0] : missing), id }, found ? found[1].map(bytes) : []);
      });
    }
  }

  const start = async () => {
    const source = JSON.parse(document.getElementById("sacd-viewer-source").textContent);
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const viewer = (await import(address)).default;
    URL.revokeObjectURL(address);
    for (const place of document.querySelectorAll(".sacd-player")) {
      const answers = JSON.parse(place.querySelector("script").textContent);
      place.replaceChildren();
      viewer.render({ model: new Page(answers), el: place });
    }
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
