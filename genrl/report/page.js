"use strict";
// Without this script every frame is shown, one below the other.
const frames = [...document.querySelectorAll(".frame")];
if (frames.length > 1) {
  const slider = document.getElementById("step");
  const show = () => {
    frames.forEach((frame, index) => { frame.hidden = index !== Number(slider.value); });
    document.getElementById("now").textContent = frames[slider.value].dataset.step;
  };
  document.getElementById("control").hidden = false;
  document.body.classList.add("slides");
  slider.addEventListener("input", show);
  show();
}
