// A simulated machine on loopback with switched power: it boots from the network whenever it gets power, does the work that its region wants,
// and starts the system on its disk.
//
// 1. Its disk keeps its contents without power.
// 2. A machine that powers itself off reports that (`onOff`).
// 3. Its system keeps renewing its address, as an expiring lease requires.

import { sleep, systemClock } from '../../src/clock.ts';
import type { MachineOutcome, MachineStep } from '../../src/lab/machine-actions.ts';
import { MachineRunner } from '../../src/lab/machine-runner.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import {
  enlistmentForm,
  type SimulatedHardware,
  simulatedHardware,
  uuidBytes,
} from '../../src/lab/simulated-hardware.ts';
import { SimulatedMachine } from '../../src/lab/simulated-machine.ts';
import type { Switched } from '../../src/lab/webhook-power.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/open-network.ts';
import { DhcpProbes } from './probes.ts';

/** How often its system renews its address. */
const ASKS_EVERY_MS = 10_000;

interface Running {
  readonly machine: SimulatedMachine;
  readonly runner: MachineRunner;
  readonly network: HostNetwork;
}

export class LivingMachine implements Switched {
  readonly hardware: SimulatedHardware;
  /** Everything it did, over all its boots, as text. */
  readonly steps: string[] = [];
  /** How each of its boots ended. */
  readonly outcomes: MachineOutcome[] = [];
  /** Called when it powers itself off. */
  onOff: () => void = () => undefined;
  readonly #place: LabPlace;
  #disk: 'blank' | 'system' = 'blank';
  #running: Running | undefined;
  #unplugged = Promise.withResolvers<void>();
  /** Ends its system. */
  #kept: Promise<void> = Promise.resolve();

  constructor(place: LabPlace, index: number) {
    this.#place = place;
    this.hardware = simulatedHardware(index);
  }

  get disk(): 'blank' | 'system' {
    return this.#running?.machine.disk ?? this.#disk;
  }

  async on(): Promise<void> {
    if (this.#running !== undefined) return;
    const { hardware } = this;
    const machine = new SimulatedMachine({
      mac: hardware.mac,
      uuid: uuidBytes(hardware.uuid),
      architecture: 0,
      enlistmentForm: (bootMac) => enlistmentForm(hardware, bootMac),
      seed: Buffer.from(systemClock.randomBytes(4)).readUInt32BE(0),
      works: true,
      disk: this.#disk,
    });
    const network = await openNetwork();
    const onStep = ({ name, text }: MachineStep): void => void this.steps.push(`${name}: ${text}`);
    const runner = new MachineRunner(machine, { ...this.#place, network, clock: systemClock, device: 'lo', onStep });
    this.#running = { machine, runner, network };
    void runner.run().then(async (outcome) => {
      this.outcomes.push(outcome);
      await network.close();
      if (outcome.kind === 'system-up') {
        this.#kept = this.#keepAddress(runner);
        return;
      }
      if (this.#running?.runner !== runner) return;
      this.#disk = machine.disk;
      this.#running = undefined;
      this.onOff();
    });
  }

  /** Runs while it has power. */
  async #keepAddress(runner: MachineRunner): Promise<void> {
    while (this.#running?.runner === runner) {
      const probes = await DhcpProbes.open(this.#place);
      // A lost answer is requested again the next time.
      void probes.lease(this.hardware.mac, 'system');
      await Promise.race([sleep(ASKS_EVERY_MS), this.#unplugged.promise]);
      await probes.close();
    }
  }

  /** Cuts its power. */
  async off(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    this.#disk = running.machine.disk;
    this.#unplugged.resolve();
    this.#unplugged = Promise.withResolvers();
    await this.#kept;
    await running.runner.close();
    await running.network.close();
  }
}
