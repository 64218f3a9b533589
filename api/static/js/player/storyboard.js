// The small pictures over the scrubber: which part of which sheet shows a moment, by WebVTT with #xywh.

const CUE = /^(?:(\d+):)?(\d\d):(\d\d)\.(\d{3}) --> (?:(\d+):)?(\d\d):(\d\d)\.(\d{3})/;

export class Storyboard {
  constructor(base, view) {
    this.base = base;
    this.view = view;
    this.cues = null;
    this.sheets = new Map();
  }

  async load() {
    const answer = await fetch(`${this.base}/storyboard/storyboard.vtt?view=${this.view}`);
    if (!answer.ok) throw new Error(`the storyboard could not be fetched: ${answer.status}`);
    this.cues = parse(await answer.text());
  }

  // Draws the picture for a moment (in seconds) and says whether there was one.
  async draw(canvas, seconds) {
    const cue = this.cues?.find((each) => seconds < each.end) ?? this.cues?.at(-1);
    if (!cue) return false;
    const sheet = await this.#sheet(cue.sheet);
    canvas.width = cue.width;
    canvas.height = cue.height;
    canvas.getContext("2d").drawImage(sheet, cue.x, cue.y, cue.width, cue.height, 0, 0, cue.width, cue.height);
    return true;
  }

  #sheet(name) {
    if (!this.sheets.has(name)) {
      const sheet = new Image();
      sheet.src = `${this.base}/storyboard/${name}?view=${this.view}`;
      this.sheets.set(name, sheet.decode().then(() => sheet));
    }
    return this.sheets.get(name);
  }
}

export function parse(text) {
  const cues = [];
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length - 1; index += 1) {
    const times = CUE.exec(lines[index]);
    const place = /^([\w.-]+)#xywh=(\d+),(\d+),(\d+),(\d+)$/.exec(lines[index + 1].trim());
    if (!times || !place) continue;
    const [x, y, width, height] = place.slice(2).map(Number);
    cues.push({ start: seconds(times.slice(1, 5)), end: seconds(times.slice(5, 9)), sheet: place[1], x, y, width, height });
  }
  return cues;
}

function seconds([hours, minutes, whole, thousandths]) {
  return Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(whole) + Number(thousandths) / 1000;
}
