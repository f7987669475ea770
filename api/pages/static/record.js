// What the slider of "known as at" says while it is moved. Without scripts the form works as it stands.
"use strict";

(() => {
  const prepare = () => {
    const slider = document.getElementById("slider");
    const said = document.getElementById("slider-said");
    if (!slider || !said) return;
    const say = () => {
      said.textContent = slider.value;
    };
    slider.addEventListener("input", say);
    say();
  };
  prepare();
  document.addEventListener("swapped", prepare);
})();
