// The walk forward, then backward: one step at a time, by button or arrow key. Without a script all steps stand below one another.
document.querySelectorAll(".stepper").forEach((stepper) => {
  const steps = [...stepper.querySelectorAll(".steps > li")];
  const marks = [...stepper.querySelectorAll(".track li")];
  const status = stepper.querySelector(".status");
  const button = (name) => stepper.querySelector(`[data-step="${name}"]`);
  let now = 0;

  function show(next) {
    now = Math.max(0, Math.min(steps.length - 1, next));
    steps.forEach((step, i) => step.classList.toggle("now", i === now));
    const reached = Number(steps[now].dataset.layer);
    const back = steps[now].classList.contains("back");
    marks.forEach((mark) => {
      const layer = Number(mark.dataset.layer);
      mark.className = "";
      if (layer === reached) mark.classList.add("now", ...(back ? ["back"] : []));
      else if (back && layer > reached) mark.classList.add("backward");
      else if (back || layer < reached) mark.classList.add("forward");
      if (layer === reached) mark.setAttribute("aria-current", "step");
      else mark.removeAttribute("aria-current");
    });
    status.textContent = say("step", { now: now + 1, count: steps.length, title: steps[now].dataset.title });
    for (const [name, end] of [["first", 0], ["previous", 0], ["next", steps.length - 1]]) {
      // The focus stays where it is: a button that cannot go on says so and is not taken away.
      button(name).setAttribute("aria-disabled", String(now === end));
    }
  }

  const targets = { first: () => 0, previous: () => now - 1, next: () => now + 1 };
  const keys = { ArrowLeft: targets.previous, ArrowRight: targets.next, Home: targets.first, End: () => steps.length - 1 };
  for (const [name, target] of Object.entries(targets)) button(name).addEventListener("click", () => show(target()));
  stepper.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.altKey || event.ctrlKey || event.metaKey || event.target.closest(".scroll, [data-entry], canvas")) return;
    event.preventDefault();
    show(keys[event.key]());
  });
  stepper.classList.add("ready");
  show(0);
});
