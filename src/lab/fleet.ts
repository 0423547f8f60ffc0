// The machines of a guided lab, each with a power socket. The fleet switches each on, configures
// its power driver once it is New, and brings it to its planned state.
//
// 1. At most LANES_MAX machines are on the way to their states at a time. If one fails, that is
//    reported and the others continue.
// 2. A machine that has reached its planned state is slowed down, so that a person can watch what
//    it does next.

import { formatMac } from '../ground/address.ts';
import { errorText } from '../ground/errors.ts';
import { QUERIES_OF_PERSON_MAX } from '../region-host/power-query-limits.ts';
import type { MachineGoal, PlannedMachine } from './fleet-plan.ts';
import { LAB_SYSTEM, type LabFiles } from './lab-files.ts';
import { awaitValue, type LabMachine, type LabRegion } from './lab-region.ts';
import type { MachineStep } from './machine-actions.ts';
import { SharedCable } from './shared-cable.ts';
import { simulatedHardware } from './simulated-hardware.ts';
import { SwitchableMachine } from './simulated-life.ts';
import { PowerSocket, type WebhookPower } from './webhook-power.ts';

/**
 * The most machines handled at the same time. One user acts for all machines, and queries the power
 * of each once it has its driver.
 */
export const LANES_MAX = QUERIES_OF_PERSON_MAX;
/**
 * How long a machine that has reached its planned state waits before each request to its region, in
 * milliseconds.
 */
const WATCHED_PACE_MS = 300;
const FAULT = 'simulated: memory bank DIMM_A1 has errors';

interface PluggedMachine {
  readonly plan: PlannedMachine;
  readonly machine: SwitchableMachine;
  readonly socket: PowerSocket;
}

interface FleetDeps {
  readonly files: LabFiles;
  readonly region: LabRegion;
  readonly power: WebhookPower;
  readonly onStep: (machine: string, step: MachineStep) => void;
  /** Called with each machine that has reached its planned state. */
  readonly onGoalReached: (machine: LabMachine) => void;
  readonly onProblem: (text: string) => void;
}

export class Fleet {
  readonly #deps: FleetDeps;
  readonly #cables: readonly SharedCable[];
  readonly #machines: readonly PluggedMachine[];
  #isClosed = false;

  private constructor(deps: FleetDeps, cables: readonly SharedCable[], plans: readonly PlannedMachine[]) {
    this.#deps = deps;
    this.#cables = cables;
    this.#machines = plans.map((plan, index) => this.#plug(plan, index));
  }

  static async open(deps: FleetDeps, plans: readonly PlannedMachine[]): Promise<Fleet> {
    const cables = await Promise.all(deps.files.racks.map(({ place }) => SharedCable.open(place.dhcpClientPort)));
    return new Fleet(deps, cables, plans);
  }

  /**
   * Brings every machine to its planned state. @param usesPlannedNames false to keep the names that
   * the region gave
   */
  async bringAllToGoals(usesPlannedNames: boolean): Promise<void> {
    const pendingMachines = [...this.#machines.entries()];
    const lane = async (): Promise<void> => {
      for (let next = pendingMachines.shift(); next !== undefined && !this.#isClosed; next = pendingMachines.shift()) {
        const [, plugged] = next;
        await this.#bringToGoal(plugged, usesPlannedNames).catch((error: unknown) => {
          if (!this.#isClosed) this.#deps.onProblem(`${plugged.plan.hostname}: ${errorText(error)}`);
        });
        plugged.machine.paceMs = WATCHED_PACE_MS;
      }
    };
    await Promise.all(Array.from({ length: LANES_MAX }, lane));
  }

  /** Switches every machine off. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#machines.map(({ machine }) => machine.close()));
    await Promise.all(this.#cables.map((cable) => cable.close()));
  }

  #plug(plan: PlannedMachine, index: number): PluggedMachine {
    const { files, power, onStep } = this.#deps;
    const cable = this.#cables[plan.rack];
    const place = files.racks[plan.rack]?.place;
    if (cable === undefined || place === undefined) throw new Error(`the plan has no rack ${plan.rack}`);
    const hardware = simulatedHardware(index, plan.kind);
    const fault = plan.goal === 'failed' ? { fault: FAULT } : {};
    const machine = new SwitchableMachine(place, index, {
      hardware,
      plug: () => cable.plug(),
      cloudInit: true,
      ...fault,
    });
    const socket = power.plug(new PowerSocket(plan.hostname, machine));
    machine.onOff = () => {
      socket.isOn = false;
    };
    machine.onStep = (step) => onStep(formatMac(hardware.mac), step);
    return { plan, machine, socket };
  }

  async #bringToGoal({ plan, machine, socket }: PluggedMachine, usesPlannedNames: boolean): Promise<void> {
    const { region, power, onGoalReached } = this.#deps;
    await socket.switchTo('on');
    const { system_id: id } = await region.findEnlisted(formatMac(machine.hardware.mac));
    await awaitValue(`${plan.hostname} to be off`, async () => !socket.isOn || undefined);
    await region.update(id, {
      ...(usesPlannedNames ? { hostname: plan.hostname } : {}),
      power_type: 'webhook',
      power_parameters: JSON.stringify(power.powerParameters(plan.hostname)),
    });
    await region.queryPower(id);
    await this.#commandToGoal(id, plan.goal);
    onGoalReached(await region.getMachine(id));
  }

  async #commandToGoal(id: string, goal: MachineGoal): Promise<void> {
    const { region } = this.#deps;
    if (goal === 'new') return;
    await region.command(id, 'accept', goal === 'failed' ? 'Failed commissioning' : 'Ready');
    switch (goal) {
      case 'allocated':
        return await region.allocate(id);
      case 'deployed':
        return await region.command(id, 'deploy', 'Deployed', { distro_series: LAB_SYSTEM });
      case 'broken':
        return await region.command(id, 'mark_broken', 'Broken', { comment: 'simulated: a fan stands still' });
      case 'rescue':
        return await region.command(id, 'rescue_mode', 'Rescue mode');
      default:
    }
  }
}
