// A command to the power of one machine, carried out step by step and looked at afterwards.
//
//   on       (netboot) ─ on ─ seen on
//   cycle    hard off ─ seen off ─ (netboot) ─ on ─ seen on
//   off      soft: asked, no more        hard: off ─ seen off
//   query    looked
//
// 1. Each step is asked once. The first that is not done ends the command with its outcome; what was not begun is not done.
// 2. `done` is said after the state was seen, where the driver can see it. A controller that says yes and does nothing is found out.
// 3. A cycle is an off and an on, not a controller's own cycle: that one cannot be seen, and is none for a machine that is off.

import type { Clock } from '../clock.ts';
import type { OffManner, PowerPort } from './driver.ts';
import { cleanWords, outcome, type PowerOutcome } from './outcome.ts';

/** What can be commanded. `netboot`: the machine is to start from the network this time. */
export type PowerCommand =
  | { readonly kind: 'on'; readonly netboot: boolean }
  | { readonly kind: 'cycle'; readonly netboot: boolean }
  | { readonly kind: 'off'; readonly manner: OffManner }
  | { readonly kind: 'query' };

/** The longest a command may take, its looking included, in milliseconds. */
export const COMMAND_MS_MAX: Readonly<Record<PowerCommand['kind'], number>> = {
  on: 120_000,
  cycle: 180_000,
  off: 90_000,
  query: 45_000,
};
/** How long a state may take to show, and how often it is looked for. */
const SEEN_MS_MAX = 20_000;
const LOOK_EVERY_MS = 1_000;

interface Means {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Carries out a command. Never throws. */
export async function performCommand(port: PowerPort, command: PowerCommand, means: Means): Promise<PowerOutcome> {
  const { signal } = means;
  switch (command.kind) {
    case 'query':
      return port.query(signal);
    case 'off': {
      const asked = await port.off(command.manner, signal);
      return command.manner === 'soft' ? asked : seen(port, asked, 'off', means);
    }
    case 'on':
      return start(port, command.netboot, means);
    case 'cycle': {
      const ended = await seen(port, await port.off('hard', signal), 'off', means);
      return ended.kind === 'done' ? start(port, command.netboot, means) : ended;
    }
  }
}

async function start(port: PowerPort, netboot: boolean, means: Means): Promise<PowerOutcome> {
  const told = netboot ? await port.netboot?.(means.signal) : undefined;
  // Who cannot be asked this cannot be asked the rest either. Who refuses may still start a machine that tries the network first.
  if (told?.kind === 'unreachable' || told?.kind === 'wrong-credentials') return told;
  const started = await seen(port, await port.on(means.signal), 'on', means);
  if (told === undefined || told.kind === 'done') return started;
  return {
    ...started,
    text: cleanWords(`${started.text}; but the network is not sure to be its boot device: ${told.text}`),
  };
}

/** Looks until the wanted state is there, after what was asked is done. */
async function seen(port: PowerPort, asked: PowerOutcome, wanted: 'on' | 'off', means: Means): Promise<PowerOutcome> {
  if (asked.kind === 'refused') {
    // Some controllers refuse what is so already.
    const look = await port.query(means.signal);
    return look.kind === 'done' && look.state === wanted ? outcome('done', asked.text, wanted) : asked;
  }
  if (asked.kind !== 'done') return asked;
  const until = means.clock.now() + SEEN_MS_MAX;
  for (;;) {
    const look = await port.query(means.signal);
    if (look.kind === 'done' && look.state === wanted) return outcome('done', asked.text, wanted);
    // A driver that cannot tell is believed.
    if (look.kind === 'done' && look.state === 'unknown') return outcome('done', `${asked.text} (${look.text})`);
    if (means.clock.now() + LOOK_EVERY_MS > until || means.signal.aborted) {
      const text = look.kind === 'done' ? `it is still ${look.state}` : look.text;
      return outcome('unknown', cleanWords(`${asked.text}, but after ${SEEN_MS_MAX / 1000} s: ${text}`), look.state);
    }
    await pause(LOOK_EVERY_MS, means);
  }
}

function pause(ms: number, { clock, signal }: Means): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.schedule(ms, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
