// When each frame is shown, and where to seek so that exactly it appears.
//
// The table comes from the server: ticks of the first frame, then steps as [difference, how often in a row].
// Browsers round a seek in ways of their own; a quarter of the way to the next frame always lands on this one.

export class FrameTable {
  constructor({ timescale, first, steps }) {
    this.timescale = timescale;
    this.starts = [];
    this.ticks = [];
    this.counts = [];
    let tick = first;
    let number = 0;
    for (const [difference, times] of steps) {
      this.starts.push(number);
      this.ticks.push(tick);
      this.counts.push([difference, times]);
      tick += difference * times;
      number += times;
    }
    this.last = number;
    this.lastTick = tick;
    this.length = number + 1;
  }

  // When frame `number` is shown, in seconds.
  timeOf(number) {
    if (number >= this.last) return this.lastTick / this.timescale;
    const run = this.#runBefore(this.starts, number);
    const [difference] = this.counts[run];
    return (this.ticks[run] + (number - this.starts[run]) * difference) / this.timescale;
  }

  // Which frame is shown at a media time, in seconds.
  at(seconds) {
    // Half a tick of kindness: media times come back as decimal fractions.
    const tick = seconds * this.timescale + 0.5;
    if (tick >= this.lastTick) return this.last;
    if (this.ticks.length === 0 || tick < this.ticks[0]) return 0;
    const run = this.#runBefore(this.ticks, tick);
    const [difference, times] = this.counts[run];
    if (difference <= 0) return this.starts[run];
    return this.starts[run] + Math.min(times - 1, Math.floor((tick - this.ticks[run]) / difference));
  }

  // Where to seek for frame `number`.
  seekTo(number) {
    const shown = this.timeOf(number);
    if (number >= this.last) return shown + 0.25 * (this.last > 0 ? shown - this.timeOf(number - 1) : 0.04);
    return shown + (this.timeOf(number + 1) - shown) / 4;
  }

  #runBefore(list, wanted) {
    let low = 0;
    let high = list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (list[middle] <= wanted) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
