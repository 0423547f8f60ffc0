// Carries out a power command on one machine, step by step, and verifies the result.
//
//   on       (netboot) ─ on ─ seen on
//   cycle    hard off ─ seen off ─ (netboot) ─ on ─ seen on
//   off      soft: only requested        hard, or a refused soft off: off ─ seen off
//   query    reads the state
//
// 1. Each step is sent once. The first that is not done ends the command with its outcome.
// 2. The outcome is `done` only after the state was seen, if it can be: some controllers confirm
//    and do nothing.
// 3. A process that may no longer switch the machine begins no further step.
// 4. A cycle is an off and an on: the controller's own cannot be verified, and does nothing to a
//    machine that is off.

import type { Clock } from '../ground/clock.ts';
import type { PowerDetail } from './detail.ts';
import type { OffManner, PowerPort } from './driver.ts';
import { outcome, type PowerOutcome } from './outcome.ts';

/** A power command. `netboot`: the machine must start from the network this time. */
export type PowerCommand =
  | { readonly kind: 'on'; readonly netboot: boolean }
  | { readonly kind: 'cycle'; readonly netboot: boolean }
  | { readonly kind: 'off'; readonly manner: OffManner }
  | { readonly kind: 'query' };

/** The longest duration, verification included, in milliseconds. */
export const COMMAND_MS_MAX: Readonly<Record<PowerCommand['kind'], number>> = {
  on: 120_000,
  cycle: 180_000,
  off: 90_000,
  query: 45_000,
};
/** How long a new state may take to show, and how often it is queried, in milliseconds. */
const SEEN_MS_MAX = 20_000;
const QUERY_EVERY_MS = 1_000;

interface CommandDeps {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly mayStep?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
}

/** Never throws. */
export async function performCommand(port: PowerPort, command: PowerCommand, deps: CommandDeps): Promise<PowerOutcome> {
  const { signal } = deps;
  switch (command.kind) {
    case 'query':
      return port.query(signal);
    case 'off': {
      const softOff = await step(deps, () => port.off(command.manner, signal));
      return command.manner === 'soft' && softOff.kind !== 'refused' ? softOff : seen(port, softOff, 'off', deps);
    }
    case 'on':
      return startMachine(port, command.netboot, deps);
    case 'cycle': {
      const ended = await seen(port, await step(deps, () => port.off('hard', signal)), 'off', deps);
      return ended.kind === 'done' ? startMachine(port, command.netboot, deps) : ended;
    }
  }
}

/** Takes a step only if this process may still switch the machine. */
async function step(deps: CommandDeps, act: () => Promise<PowerOutcome>): Promise<PowerOutcome> {
  const { mayStep, signal } = deps;
  return mayStep === undefined || (await mayStep(signal))
    ? await act()
    : outcome('unknown', { code: 'not-ours', params: {} });
}

async function startMachine(port: PowerPort, netboot: boolean, deps: CommandDeps): Promise<PowerOutcome> {
  const { netboot: choose } = port;
  const chosen = netboot && choose !== undefined ? await step(deps, () => choose(deps.signal)) : undefined;
  // If the controller cannot be reached, the next step would fail too. If it refuses, the machine
  // may still try the network first.
  if (chosen?.kind === 'unreachable' || chosen?.kind === 'wrong-credentials') return chosen;
  const started = await seen(port, await step(deps, () => port.on(deps.signal)), 'on', deps);
  if (chosen === undefined || chosen.kind === 'done') return started;
  const params = { started: started.detail, why: chosen.detail };
  return { ...started, detail: { code: 'no-network-boot', params } };
}

async function seen(
  port: PowerPort,
  asked: PowerOutcome,
  wanted: 'on' | 'off',
  deps: CommandDeps,
): Promise<PowerOutcome> {
  if (asked.kind === 'refused') {
    // Some controllers refuse a command that changes nothing.
    const reading = await port.query(deps.signal);
    return reading.kind === 'done' && reading.state === wanted ? reading : asked;
  }
  if (asked.kind !== 'done') return asked;
  const until = deps.clock.now() + SEEN_MS_MAX;
  for (;;) {
    const reading = await port.query(deps.signal);
    if (reading.kind === 'done' && reading.state === wanted) return outcome('done', asked.detail, wanted);
    // An unseen state: trust the driver's confirmation.
    if (reading.kind === 'done' && reading.state === 'unknown')
      return outcome('done', { code: 'unseen', params: { asked: asked.detail, look: reading.detail } });
    if (deps.clock.now() + QUERY_EVERY_MS > until || deps.signal.aborted) {
      const { kind, state } = reading;
      const last: PowerDetail = kind === 'done' ? { code: 'still', params: { state } } : reading.detail;
      const params = { asked: asked.detail, seconds: SEEN_MS_MAX / 1000, look: last };
      return outcome('unknown', { code: 'not-seen', params }, state);
    }
    await pauseUnlessAborted(QUERY_EVERY_MS, deps);
  }
}

function pauseUnlessAborted(ms: number, { clock, signal }: CommandDeps): Promise<void> {
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
