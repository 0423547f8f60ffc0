// A simulated machine that a lab can switch on and off. With power, it boots and does its region's jobs.

import { systemClock } from '../ground/clock.ts';
import type { DatagramNetwork } from '../net/datagrams/datagram.ts';
import { openNetwork } from '../net/datagrams/udp-linux.ts';
import type { MachineOutcome, MachineStep } from './machine-actions.ts';
import { MachineRunner } from './machine-runner.ts';
import type { LabPlace } from './safe-lab.ts';
import { enlistmentForm, type SimulatedHardware, simulatedHardware, uuidBytes } from './simulated-hardware.ts';
import { SimulatedMachine } from './simulated-machine.ts';
import type { Switchable } from './webhook-power.ts';

interface SwitchableMachineOptions {
  /** Default: `lo`. */
  readonly device?: string;
  /** Default: the hardware of its index. */
  readonly hardware?: SimulatedHardware;
  /** Opens its network at each start. Default: a network of its own. */
  readonly plug?: () => DatagramNetwork | Promise<DatagramNetwork>;
  /** True if its system pretends to run user data, as cloud-init does. Default: false. */
  readonly cloudInit?: boolean;
  /** Why its hardware tests fail. By default they pass. */
  readonly fault?: string;
}

/** A machine on a power socket. Its disk survives a power cut, its memory does not. */
export class SwitchableMachine implements Switchable {
  readonly hardware: SimulatedHardware;
  /** The outcome of each boot, in order: `enlisted`, `commission`, `deploy`, `system-up`, `powered-off` … */
  readonly outcomes: string[] = [];
  /**
   * How long the machine waits before each request to its region, in milliseconds. At 0, a person
   * sees no progress.
   */
  paceMs = 0;
  /** Called after it has powered itself off. */
  onOff: () => void = () => undefined;
  /** Called with each of its steps. */
  onStep: (step: MachineStep) => void = () => undefined;
  readonly #place: LabPlace;
  readonly #options: SwitchableMachineOptions;
  readonly #machine: SimulatedMachine;
  #running: { readonly runner: MachineRunner; readonly network: DatagramNetwork } | undefined;
  /** The latest power change, for which the next one waits. */
  #lastChange: Promise<void> = Promise.resolve();

  constructor(place: LabPlace, index: number, options: SwitchableMachineOptions = {}) {
    this.#place = place;
    this.#options = options;
    const hardware = options.hardware ?? simulatedHardware(index);
    this.hardware = hardware;
    this.#machine = new SimulatedMachine({
      mac: hardware.mac,
      uuid: uuidBytes(hardware.uuid),
      architecture: 0,
      enlistmentForm: (bootMac) => enlistmentForm(hardware, bootMac),
      seed: Buffer.from(systemClock.randomBytes(4)).readUInt32BE(0),
      doesJobs: true,
      cloudInit: options.cloudInit === true,
      fault: options.fault,
      paceMs: () => this.paceMs,
    });
  }

  on(): Promise<void> {
    this.#lastChange = this.#lastChange.then(() => this.#start());
    return this.#lastChange;
  }

  /** Cuts its power. */
  off(): Promise<void> {
    this.#lastChange = this.#lastChange.then(() => this.#stop());
    return this.#lastChange;
  }

  /** Cuts its power, and releases its sockets. */
  close(): Promise<void> {
    return this.off();
  }

  async #start(): Promise<void> {
    if (this.#running !== undefined) return;
    const network = await (this.#options.plug ?? openNetwork)();
    const runner = new MachineRunner(this.#machine, {
      ...this.#place,
      network,
      clock: systemClock,
      device: this.#options.device ?? 'lo',
      onStep: (step) => this.onStep(step),
    });
    this.#running = { runner, network };
    // Not awaited: the run of a machine whose power was cut never ends.
    runner.run().then(
      (outcome) => this.#handleEnd(runner, outcome),
      (error: unknown) => void this.outcomes.push(String(error)),
    );
  }

  #handleEnd(runner: MachineRunner, outcome: MachineOutcome): void {
    if (this.#running?.runner !== runner) return;
    this.outcomes.push(formatOutcome(outcome));
    if (outcome.kind === 'system-up' || (outcome.kind === 'worked' && outcome.job === 'rescue')) return;
    void this.off().then(() => this.onOff());
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.runner.close();
    await running?.network.close();
  }
}

function formatOutcome(outcome: MachineOutcome): string {
  if (outcome.kind === 'worked') return outcome.job;
  return outcome.kind === 'failed' ? `failed: ${outcome.reason}` : outcome.kind;
}
