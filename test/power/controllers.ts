// Power controllers in memory for tests: each carries out its requests after some virtual time, and counts them.

import type { PowerDetail } from '../../src/power/detail.ts';
import type { PowerDriver, PowerPort } from '../../src/power/driver.ts';
import { outcome, type PowerOutcome, type PowerState, withSaid } from '../../src/power/outcome.ts';
import { spoken } from '../support/sentences.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

/** How a controller behaves. */
export type Behaviour = 'obeys' | 'ignores' | 'refuses' | 'hangs' | 'is-away';

/** The controller of one machine. */
export class Controller {
  state: PowerState = 'off';
  behaviour: Behaviour = 'obeys';
  netboot: Behaviour = 'obeys';
  /** Its requests, in order. */
  readonly asked: string[] = [];
  /** Its concurrent requests, now and at most so far. */
  active = 0;
  activeMost = 0;
  readonly name: string;
  /** The answer of another server in its place while it is away. */
  said = '';
  /** What a request to it comes to while it is away. */
  away: PowerDetail = spoken('nobody there');
  readonly #clock: VirtualClock;
  readonly #takesMs: number;

  constructor(name: string, clock: VirtualClock, takesMs = 100) {
    this.name = name;
    this.#clock = clock;
    this.#takesMs = takesMs;
  }

  port(isDead: () => boolean = () => false): PowerPort {
    const port = this.#port();
    const alive = <T>(ask: () => Promise<T>): Promise<T> => (isDead() ? new Promise<T>(() => undefined) : ask());
    return {
      controller: this.name,
      on: (signal) => alive(() => port.on(signal)),
      off: (manner, signal) => alive(() => port.off(manner, signal)),
      query: (signal) => alive(() => port.query(signal)),
      netboot: (signal) => alive(() => port.netboot(signal)),
    };
  }

  #port(): Required<Omit<PowerPort, 'close'>> {
    return {
      controller: this.name,
      on: (signal) => this.#ask('on', signal, this.behaviour, () => this.#become('on')),
      off: (manner, signal) => this.#ask(`off ${manner}`, signal, this.behaviour, () => this.#become('off')),
      query: (signal) =>
        this.#ask(
          'query',
          signal,
          this.behaviour === 'refuses' || this.behaviour === 'ignores' ? 'obeys' : this.behaviour,
          () => outcome('done', spoken(`it is ${this.state}`), this.state),
        ),
      netboot: (signal) => this.#ask('netboot', signal, this.netboot, () => outcome('done', spoken('network first'))),
    };
  }

  #become(state: PowerState): PowerOutcome {
    if (this.behaviour === 'obeys') this.state = state;
    return outcome('done', spoken(`switched ${state}`));
  }

  async #ask(what: string, signal: AbortSignal, behaviour: Behaviour, act: () => PowerOutcome): Promise<PowerOutcome> {
    this.asked.push(what);
    this.active += 1;
    this.activeMost = Math.max(this.activeMost, this.active);
    await new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener('abort', () => resolve());
      if (behaviour !== 'hangs') this.#clock.schedule(this.#takesMs, resolve);
    });
    this.active -= 1;
    if (signal.aborted) return outcome('unknown', spoken('cancelled'));
    if (behaviour === 'refuses') return outcome('refused', spoken('no'));
    if (behaviour === 'is-away') return withSaid(outcome('unreachable', this.away), this.said);
    return act();
  }
}

const UNKNOWN = { driver: 'memory', parameter: 'power_address', fault: { kind: 'invalid' } } as const;

/** A driver for these controllers; `power_address` names one. The driver of a dead process sends nothing more. */
export function controllerDriver(
  controllers: ReadonlyMap<string, Controller>,
  isDead: () => boolean = () => false,
): PowerDriver {
  return {
    name: 'memory',
    switches: 'on-and-off',
    parameters: [],
    open(_machine, values) {
      const controller = controllers.get(String(values.power_address));
      if (controller === undefined) return { kind: 'bad-parameters', problems: [UNKNOWN] };
      return { kind: 'open', port: controller.port(isDead) };
    },
  };
}

/** Passes virtual time, and runs what waits for it. */
export async function pass(clock: VirtualClock, ms: number, stepMs = 50): Promise<void> {
  for (let gone = 0; gone < ms; gone += stepMs) {
    await clock.pass(Math.min(stepMs, ms - gone));
    // Chained promises need a few turns.
    for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
