// A machine's power as people see it: the last reading, or an answer that somebody asks for now.

import type { Clock } from '../ground/clock.ts';
import type { PowerOutcome } from '../power/outcome.ts';
import type { PowerReading } from '../power/readings.ts';
import type { PowerSwitchboard, PowerTarget } from '../power/switchboard.ts';
import type { PowerView } from '../region/life/power-life.ts';
import type { Machine } from '../region/records/machine.ts';
import { BY_HAND } from './power-commands.ts';
import { PowerQueryLimits } from './power-query-limits.ts';

interface PowerViewsDeps {
  readonly clock: Clock;
  readonly switchboard: () => PowerSwitchboard;
  /** Undefined if no driver may switch the machine. */
  readonly targetOf: (machine: Machine) => PowerTarget | undefined;
}

export class PowerViews {
  readonly #deps: PowerViewsDeps;
  readonly #queryLimits = new PowerQueryLimits();

  constructor(deps: PowerViewsDeps) {
    this.#deps = deps;
  }

  reading(systemId: string): PowerView | undefined {
    const reading = this.#deps.switchboard().reading(systemId);
    return reading === undefined ? undefined : this.#viewOf(reading);
  }

  ask(machine: Machine, by: string): Promise<PowerView> | undefined {
    return this.#queryLimits.ask(by, this.#deps.clock.now(), () => this.#askNow(machine));
  }

  async #askNow(machine: Machine): Promise<PowerView> {
    const target = this.#deps.targetOf(machine);
    if (target === undefined) return { state: 'unknown', atMs: undefined, ageSeconds: undefined, detail: BY_HAND };
    const { kind, detail, said, state } = await this.#deps.switchboard().queryState(target);
    if (kind !== 'done') {
      const before = this.reading(machine.systemId);
      return { state: 'error', atMs: before?.atMs, ageSeconds: before?.ageSeconds, detail, said };
    }
    const why = state === 'unknown' ? { detail, said } : {};
    return { state, atMs: this.#deps.clock.wallTimeMs(), ageSeconds: 0, ...why };
  }

  #viewOf({ state, seenAt, failure }: PowerReading): PowerView {
    const { clock } = this.#deps;
    const ageMs = seenAt === undefined ? undefined : Math.max(0, clock.now() - seenAt);
    return {
      state: viewedState(state, failure),
      atMs: ageMs === undefined ? undefined : clock.wallTimeMs() - ageMs,
      ageSeconds: ageMs === undefined ? undefined : Math.floor(ageMs / 1000),
      detail: failure?.detail,
      said: failure?.said,
    };
  }
}

/** The outcome of a lost command is unknown and changes nothing; any other failure is an error. */
function viewedState(seen: PowerReading['state'], failure: PowerOutcome | undefined): PowerView['state'] {
  return failure === undefined || failure.kind === 'unknown' ? seen : 'error';
}
