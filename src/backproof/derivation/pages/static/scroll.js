// What is wider than its place can be scrolled with the keyboard; what is not is no stop on the way.
function stops() {
  document.querySelectorAll(".scroll").forEach((box) => {
    if (box.scrollWidth > box.clientWidth + 1) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  });
}

stops();
addEventListener("resize", stops);
document.fonts.ready.then(stops);
document.addEventListener("click", stops);
document.addEventListener("keyup", stops);
