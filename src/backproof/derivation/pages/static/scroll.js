// What is wider than its place can be scrolled with the keyboard, and has a name; what is not is no stop on the way.
const boxes = [...document.querySelectorAll(".scroll")].map((box) => [box, box.hasAttribute("aria-label")]);

function stops() {
  boxes.forEach(([box, named]) => {
    const stop = { tabindex: "0", ...(named ? {} : { role: "group", "aria-label": say("formula") }) };
    const wide = box.scrollWidth > box.clientWidth + 1;
    Object.keys(stop).forEach((name) => (wide ? box.setAttribute(name, stop[name]) : box.removeAttribute(name)));
  });
}

stops();
addEventListener("resize", stops);
document.fonts.ready.then(stops);
document.addEventListener("click", stops);
document.addEventListener("keyup", stops);
