"""Simulated nights that EEG and infrared video observe together; nothing here can confirm a claim about real data.

The layers, each a function of (seed, split, index) alone, so that participant k is the same in a cohort of any size:

- `participant.make_participant(seed, split, index)` → `Participant`: who sleeps (demographics, AHI, traits);
- `simulated_night.SimulatedNight(participant, coupling)` → the whole continuous night of that participant:

  ==============================  =======================================================================
  `clips`, `duration_s`           number of 30-s clips, seconds
  `stages`                        [bins] int, the hypnogram that was simulated, in 5-s bins
  `depth`, `remness`              [bins] float, the continuous latents behind everything
  `labels`, `posterior`           [clips] int, one scorer's stages; [clips, 5] P(stage | latents)
  `scorings(n)`                   [n, clips] int, n scorers of the same night (the first is `labels`)
  `apnoeas`                       table: onset, duration (s)
  `movements`                     table: onset, duration (s), strength (0–1.5), kind, visible (to the camera)
  `postures`                      table: onset (s), posture (supine, left, right, prone), blanket (bool)
  `nuisance`                      table: onset, duration (s), kind: what only the camera sees
  `thorax(t)`, `abdomen(t)`       respiratory effort at any times t (s), arbitrary units
  `airflow(t)`                    nasal flow at any times, arbitrary units; ~0 during an apnoea
  `chin_level(t)`                 chin-muscle tone at any times, µV (rms)
  `chin(clips)`                   [n, 6000] µV, 200 Hz
  `motion(t)`                     [n, MODES] coefficients of the body's motion modes at any times
  `eeg(clips)`                    [n, 1, 3000] float32 µV, 100 Hz, continuous from clip to clip
  `video(clips, frames, …)`       [n, frames, size, size] uint8
  `render(t, height, width)`      [n, height, width] uint8 pictures at any times, e.g. 240 × 320 at 10 a second
  ==============================  =======================================================================

- `simulated_cohort.simulate(out, …)` writes a cohort of such nights; `coupling.COUPLINGS` holds the presets;
- `extras` writes what lies beside EEG and video: motion, events, signals, a film.

Cheap processes (latents, breathing, movements) exist for the whole night; pictures and EEG noise are made for the clips
asked for, keyed by clip, so that a clip is the same whether it is cut alone, in a block or with the night.
"""
