// Machines are counted without reading all of them for each new one, and exactly where the number decides.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MACHINES_MAX } from '../../../src/machines/machine.ts';
import { MachineCount } from '../../../src/store/operations/region-decisions.ts';

/** A store with a number of machines, and how often they were counted. */
class Counted {
  readonly count = new MachineCount();
  machines: number;
  times = 0;

  constructor(machines: number) {
    this.machines = machines;
  }

  read(): number {
    const steps = this.count.read();
    for (let step = steps.next(); ; step = steps.next({ row: { machines: this.machines }, rows: [], changes: 0 })) {
      if (step.done === true) return step.value;
      this.times += 1;
    }
  }

  add(): void {
    this.machines += 1;
    this.count.add();
  }
}

test('the more machines there are, the more of them are added between two counts', () => {
  for (const machines of [0, 1000, 50_000]) {
    const counted = new Counted(machines);
    for (let index = 0; index < 500; index += 1) {
      assert.equal(counted.read(), counted.machines);
      counted.add();
    }
    const most = machines === 0 ? 500 : Math.ceil(500 / (machines / 100));
    assert.ok(counted.times <= most, `${counted.times} counts with ${machines}`);
  }
});

test('at the bound they are counted each time, so a removed one makes room at once', () => {
  const counted = new Counted(MACHINES_MAX - 1);
  assert.equal(counted.read(), MACHINES_MAX - 1);
  counted.add();
  assert.equal(counted.read(), MACHINES_MAX);
  counted.machines -= 1;
  assert.equal(counted.read(), MACHINES_MAX - 1);
  // A transaction that failed was counted, and does not stay so.
  counted.count.add();
  assert.equal(counted.read(), MACHINES_MAX - 1);
});
