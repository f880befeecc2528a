// Airflow stores its own light or dark mode as a class of the window around the frame, and in the storage that all of
// its pages share. If neither is set, the system's mode is used.

const KEY = "theme";

function chosen(classes) {
  if (classes?.contains("dark")) return "dark";
  if (classes?.contains("light")) return "light";
  const stored = localStorage.getItem(KEY);
  return stored === "dark" || stored === "light" ? stored : "";
}

export function followTheme() {
  let outer = null;
  try {
    if (window.parent !== window) outer = window.parent.document.documentElement;
  } catch {
    return; // the page is in a frame of another site
  }
  const apply = () => {
    const theme = chosen(outer?.classList);
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  apply();
  if (outer) new window.parent.MutationObserver(apply).observe(outer, { attributes: true, attributeFilter: ["class"] });
  window.addEventListener("storage", (event) => event.key === KEY && apply());
}
