// A simulated machine on loopback that a power socket switches: it boots from its network whenever it gets power, does what its region
// wants, and starts the system on its disk.
//
// 1. What is on its disk outlives its power.
// 2. A machine that powers itself off says so (`onOff`).
// 3. Its system asks for its address again and again, as a lease that runs out makes it do.

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
import type { HostNetwork } from '../../src/net/datagram.ts';
import { openNetwork } from '../../src/net/open-network.ts';
import { DhcpProbes } from './probes.ts';

/** How often its system asks for its address. */
const ASKS_EVERY_MS = 10_000;

interface Running {
  readonly machine: SimulatedMachine;
  readonly runner: MachineRunner;
  readonly network: HostNetwork;
}

export class LivingMachine implements Switched {
  readonly hardware: SimulatedHardware;
  /** What it did in all its lives, in words. */
  readonly steps: string[] = [];
  /** How each of its lives ended. */
  readonly outcomes: MachineOutcome[] = [];
  /** Told when it powers itself off. */
  onOff: () => void = () => undefined;
  readonly #place: LabPlace;
  #disk: 'blank' | 'system' = 'blank';
  #running: Running | undefined;
  #unplugged = Promise.withResolvers<void>();
  /** What its system does until then. */
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

  /** For as long as it has power. */
  async #keepAddress(runner: MachineRunner): Promise<void> {
    while (this.#running?.runner === runner) {
      const probes = await DhcpProbes.open(this.#place);
      // An answer that is lost is asked for the next time.
      void probes.lease(this.hardware.mac, 'system');
      await Promise.race([sleep(ASKS_EVERY_MS), this.#unplugged.promise]);
      await probes.close();
    }
  }

  /** Its plug is pulled. */
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
