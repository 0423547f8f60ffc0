// Carries out a power command on one machine, step by step, and verifies the result.
//
//   on       (netboot) ─ on ─ seen on
//   cycle    hard off ─ seen off ─ (netboot) ─ on ─ seen on
//            (a driver that cannot switch off starts the machine unless it is seen on)
//   off      soft: only requested        hard, or a refused soft off: off ─ seen off
//   query    reads the state
//
// 1. Each step is sent once. The first step that is not `done` ends the command with its outcome.
// 2. If the state can be queried, the outcome is `done` only once the new state was seen: some
//    controllers confirm and do nothing.
// 3. A process that may no longer switch the machine begins no further step.
// 4. A cycle is an off and an on. The controller's own cycle cannot be verified, and does nothing
//    to a machine that is off.

import type { Clock } from '../ground/clock.ts';
import type { PowerDetail, PowerDetailParams } from './detail.ts';
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
/**
 * How long a controller may take to show a new state, and how often it is queried, in milliseconds.
 */
const STATE_CHANGE_MS_MAX = 20_000;
const QUERY_EVERY_MS = 1_000;

interface CommandDeps {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly mayStep?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
}

/** Never throws. */
export async function performCommand(port: PowerPort, command: PowerCommand, deps: CommandDeps): Promise<PowerOutcome> {
  const result = await performSteps(port, command, deps);
  await port.close?.(deps.signal);
  return result;
}

async function performSteps(port: PowerPort, command: PowerCommand, deps: CommandDeps): Promise<PowerOutcome> {
  const { signal } = deps;
  switch (command.kind) {
    case 'query':
      return port.query(signal);
    case 'off': {
      const { off } = port;
      if (off === undefined) return requirePerson(command.manner === 'soft' ? 'soft-off' : 'off');
      const softOff = await stepIfPermitted(deps, () => off(command.manner, signal));
      return command.manner === 'soft' && softOff.kind !== 'refused'
        ? softOff
        : verifyState(port, softOff, 'off', deps);
    }
    case 'on':
      return startMachine(port, command.netboot, deps);
    case 'cycle': {
      const { off } = port;
      if (off === undefined)
        return (await port.query(signal)).state === 'on'
          ? requirePerson('restart')
          : startMachine(port, command.netboot, deps);
      const offOutcome = await verifyState(port, await stepIfPermitted(deps, () => off('hard', signal)), 'off', deps);
      return offOutcome.kind === 'done' ? startMachine(port, command.netboot, deps) : offOutcome;
    }
  }
}

const requirePerson = (act: PowerDetailParams['person-must']['act']): PowerOutcome =>
  outcome('unknown', { code: 'person-must', params: { act } });

/** Runs `act` only if this process may still switch the machine. */
async function stepIfPermitted(deps: CommandDeps, act: () => Promise<PowerOutcome>): Promise<PowerOutcome> {
  const { mayStep, signal } = deps;
  return mayStep === undefined || (await mayStep(signal))
    ? await act()
    : outcome('unknown', { code: 'not-ours', params: {} });
}

async function startMachine(port: PowerPort, netboot: boolean, deps: CommandDeps): Promise<PowerOutcome> {
  const { netboot: choose } = port;
  const netbootOutcome =
    netboot && choose !== undefined ? await stepIfPermitted(deps, () => choose(deps.signal)) : undefined;
  // If the controller cannot be reached, the next step would fail too. If it refuses, the machine
  // may still try the network first.
  if (netbootOutcome?.kind === 'unreachable' || netbootOutcome?.kind === 'wrong-credentials') return netbootOutcome;
  const onOutcome = await verifyState(port, await stepIfPermitted(deps, () => port.on(deps.signal)), 'on', deps);
  if (netbootOutcome === undefined || netbootOutcome.kind === 'done') return onOutcome;
  const params = { started: onOutcome.detail, why: netbootOutcome.detail };
  return { ...onOutcome, detail: { code: 'no-network-boot', params } };
}

async function verifyState(
  port: PowerPort,
  requestOutcome: PowerOutcome,
  targetState: 'on' | 'off',
  deps: CommandDeps,
): Promise<PowerOutcome> {
  if (requestOutcome.kind === 'refused') {
    // Some controllers refuse a command that changes nothing.
    const reading = await port.query(deps.signal);
    return reading.kind === 'done' && reading.state === targetState ? reading : requestOutcome;
  }
  if (requestOutcome.kind !== 'done') return requestOutcome;
  const deadline = deps.clock.now() + STATE_CHANGE_MS_MAX;
  for (;;) {
    const reading = await port.query(deps.signal);
    if (reading.kind === 'done' && reading.state === targetState)
      return outcome('done', requestOutcome.detail, targetState);
    // The driver cannot see the state: trust its confirmation.
    if (reading.kind === 'done' && reading.state === 'unknown')
      return outcome('done', { code: 'unseen', params: { asked: requestOutcome.detail, look: reading.detail } });
    if (deps.clock.now() + QUERY_EVERY_MS > deadline || deps.signal.aborted) {
      const { kind, state } = reading;
      const last: PowerDetail = kind === 'done' ? { code: 'still', params: { state } } : reading.detail;
      const params = { asked: requestOutcome.detail, seconds: STATE_CHANGE_MS_MAX / 1000, look: last };
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
