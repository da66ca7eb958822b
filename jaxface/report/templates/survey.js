for (const strip of document.querySelectorAll(".levels")) {
  const input = strip.querySelector("input"), output = strip.querySelector("output");
  const levels = strip.dataset.levels.split("|"), answers = strip.dataset.answers.split("|");
  const show = () => {
    strip.style.setProperty("--index", input.value);
    output.textContent = `${levels[input.value]}: ${answers[input.value]}`;
  };
  input.addEventListener("input", show);
  show();
}
