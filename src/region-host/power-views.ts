// A machine's power as people see it: the last reading, or the answer to a query that a person makes now.

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
  /** Finds how to reach the machine's controller. Undefined if no driver may switch the machine. */
  readonly findTarget: (machine: Machine) => PowerTarget | undefined;
}

export class PowerViews {
  readonly #deps: PowerViewsDeps;
  readonly #queryLimits = new PowerQueryLimits();

  constructor(deps: PowerViewsDeps) {
    this.#deps = deps;
  }

  reading(systemId: string): PowerView | undefined {
    const reading = this.#deps.switchboard().reading(systemId);
    return reading === undefined ? undefined : this.#toView(reading);
  }

  ask(machine: Machine, by: string): Promise<PowerView> | undefined {
    return this.#queryLimits.tryQuery(by, this.#deps.clock.now(), () => this.#queryNow(machine));
  }

  async #queryNow(machine: Machine): Promise<PowerView> {
    const target = this.#deps.findTarget(machine);
    if (target === undefined) return { state: 'unknown', atMs: undefined, ageSeconds: undefined, detail: BY_HAND };
    const { kind, detail, said, state } = await this.#deps.switchboard().queryState(target);
    if (kind !== 'done') {
      const lastView = this.reading(machine.systemId);
      return { state: 'error', atMs: lastView?.atMs, ageSeconds: lastView?.ageSeconds, detail, said };
    }
    const why = state === 'unknown' ? { detail, said } : {};
    return { state, atMs: this.#deps.clock.wallTimeMs(), ageSeconds: 0, ...why };
  }

  #toView({ state, seenAt, failure }: PowerReading): PowerView {
    const { clock } = this.#deps;
    const ageMs = seenAt === undefined ? undefined : Math.max(0, clock.now() - seenAt);
    return {
      state: toViewedState(state, failure),
      atMs: ageMs === undefined ? undefined : clock.wallTimeMs() - ageMs,
      ageSeconds: ageMs === undefined ? undefined : Math.floor(ageMs / 1000),
      detail: failure?.detail,
      said: failure?.said,
    };
  }
}

/** The outcome of a lost command is unknown and changes nothing; any other failure is an error. */
function toViewedState(observed: PowerReading['state'], failure: PowerOutcome | undefined): PowerView['state'] {
  return failure === undefined || failure.kind === 'unknown' ? observed : 'error';
}
