// Draws how loud a recording is over its length. Peaks come from the server, ten pairs a second and channel.

export function drawWave(canvas, { peaks, per_second: perSecond }, duration) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#7fa3dd";
  const lane = height / peaks.length;
  peaks.forEach((channel, index) => {
    const middle = lane * (index + 0.5);
    const pairs = channel.length / 2;
    const wanted = duration > 0 ? duration * perSecond : pairs;
    for (let x = 0; x < width; x += 1) {
      const [quietest, loudest] = extremes(channel, (x / width) * wanted, ((x + 1) / width) * wanted, pairs);
      const top = middle - (loudest / 128) * (lane / 2);
      const bottom = middle - (quietest / 128) * (lane / 2);
      pen.fillRect(x, top, 1, Math.max(1, bottom - top));
    }
  });
}

function extremes(channel, from, to, pairs) {
  let quietest = 0;
  let loudest = 0;
  const end = Math.min(pairs, Math.max(Math.ceil(to), Math.floor(from) + 1));
  for (let pair = Math.floor(from); pair < end; pair += 1) {
    quietest = Math.min(quietest, channel[2 * pair]);
    loudest = Math.max(loudest, channel[2 * pair + 1]);
  }
  return [quietest, loudest];
}
