// A simulated machine of a lab that is switched on and off: it boots from its network for as long as it has power, and does what its
// region wants of it.

import { systemClock } from '../clock.ts';
import type { DatagramNetwork } from '../net/datagram.ts';
import { openNetwork } from '../net/open-network.ts';
import type { MachineOutcome, MachineStep } from './machine-actions.ts';
import { MachineRunner } from './machine-runner.ts';
import type { LabPlace } from './safe-lab.ts';
import { enlistmentForm, type SimulatedHardware, simulatedHardware, uuidBytes } from './simulated-hardware.ts';
import { SimulatedMachine } from './simulated-machine.ts';
import type { Switched } from './webhook-power.ts';

export interface LifeOptions {
  /** Where it is plugged in. Default: `lo`. */
  readonly device?: string;
  /** What it is made of. Default: that of its index. */
  readonly hardware?: SimulatedHardware;
  /** Opens its network at each start. Default: one of its own. */
  readonly plug?: () => DatagramNetwork | Promise<DatagramNetwork>;
  /** True: its system runs user data as cloud-init does, in words. Default: false. */
  readonly cloudInit?: boolean;
  /** Why its tests fail. Default: they pass. */
  readonly fault?: string;
}

/** A machine that a power socket switches. Its disk keeps what was written, its memory nothing. */
export class SimulatedLife implements Switched {
  readonly hardware: SimulatedHardware;
  /** How each of its boots ended: `enlisted`, `commission`, `deploy`, `system-up`, `powered-off` …, in their order. */
  readonly did: string[] = [];
  /** How long it waits before each word to its region, in milliseconds: at 0 a person sees no progress. */
  paceMs = 0;
  /** Called when it has powered itself off. */
  onOff: () => void = () => undefined;
  /** Called with each of its steps. */
  onStep: (step: MachineStep) => void = () => undefined;
  readonly #place: LabPlace;
  readonly #options: LifeOptions;
  readonly #machine: SimulatedMachine;
  #running: { readonly runner: MachineRunner; readonly network: DatagramNetwork } | undefined;
  /** Its plug is put in or pulled, one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(place: LabPlace, index: number, options: LifeOptions = {}) {
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
      works: true,
      cloudInit: options.cloudInit === true,
      fault: options.fault,
      paceMs: () => this.paceMs,
    });
  }

  on(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#start());
    return this.#turn;
  }

  /** Its plug is pulled. */
  off(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#stop());
    return this.#turn;
  }

  /** Its plug is pulled, and nothing of it is left. */
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
    // A machine whose plug was pulled does not end: nobody waits for it.
    runner.run().then(
      (outcome) => this.#ended(runner, outcome),
      (error: unknown) => void this.did.push(String(error)),
    );
  }

  #ended(runner: MachineRunner, outcome: MachineOutcome): void {
    if (this.#running?.runner !== runner) return;
    this.did.push(nameOf(outcome));
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

function nameOf(outcome: MachineOutcome): string {
  if (outcome.kind === 'worked') return outcome.job;
  return outcome.kind === 'failed' ? `failed: ${outcome.reason}` : outcome.kind;
}
