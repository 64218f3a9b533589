// While only the beginning of a recording can be watched: changes over to more of it, and to the whole, in place.
//
// The part of the page that says how far the preparation is asks the server by itself; what it says is read here.

const NEAR_THE_END = 15; // seconds; until then a longer beginning changes nothing for whoever watches

export function follow(player, video, whenWhole) {
  const standing = document.querySelector("[data-standing]");
  const { base, view } = player.dataset;

  function look() {
    const says = standing.querySelector("[data-playability]");
    if (!says) return;
    if (says.dataset.playability === "playable") {
      watcher.disconnect();
      video.removeEventListener("ended", look);
      delete player.dataset.beginning;
      changeOver(video, `${base}/media?view=${view}`);
      for (const name of ["frames", "waveform", "storyboard"]) if (name in says.dataset) player.dataset[name] = "";
      whenWhole();
      return;
    }
    const newer = says.dataset.beginning;
    const needed = video.readyState === HTMLMediaElement.HAVE_NOTHING || video.duration - video.currentTime < NEAR_THE_END;
    if (newer && newer !== player.dataset.beginning && needed) {
      player.dataset.beginning = newer;
      changeOver(video, `${base}/beginning?made=${newer}&view=${view}`);
    }
  }

  const watcher = new MutationObserver(look);
  watcher.observe(standing, { childList: true, subtree: true, attributes: true });
  video.addEventListener("ended", look);
}

// Another address for the same moments: the place, the speed and whether it plays stay as they are.
function changeOver(video, address) {
  const place = video.currentTime;
  const opened = video.readyState !== HTMLMediaElement.HAVE_NOTHING;
  const plays = !video.paused || (video.ended && place > 0);
  const speed = video.playbackRate;
  video.src = address;
  if (!opened) return;
  video.addEventListener("loadedmetadata", () => {
    video.currentTime = place;
    video.playbackRate = speed;
    if (plays) video.play().catch(() => {});
  }, { once: true });
  video.load();
}
