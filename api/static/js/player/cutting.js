// In and out points beside the player: the places of the picture that is shown, put into the form that asks for clips.

export class Cutting {
  // `place` tells the frame that is shown, counted from 1 as people do, or nothing; and the media time in seconds.
  constructor(form, place) {
    this.form = form;
    this.place = place;
    this.isSound = !form.querySelector("[data-shown]");
    form.querySelector("[data-setting]").hidden = false;
    for (const button of form.querySelectorAll("[data-cut]")) {
      button.addEventListener("click", () => this.set(button.dataset.cut));
    }
    // Before htmx or the browser gathers the values: the frame to save is the one on the screen now.
    form.addEventListener("click", () => this.note(), { capture: true });
    form.addEventListener("submit", () => this.note(), { capture: true });
  }

  set(which) {
    const said = this.isSound ? this.place().seconds.toFixed(3) : this.place().frame;
    if (said) this.form.querySelector(`[data-${which}]`).value = said;
  }

  note() {
    const shown = this.form.querySelector("[data-shown]");
    if (shown) shown.value = this.place().frame ?? "";
  }
}
