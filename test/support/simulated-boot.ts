// Boots of the lab's simulated machine, without its narrator.

import { systemClock } from '../../src/ground/clock.ts';
import type { MachineOutcome, MachineStep } from '../../src/lab/machine-actions.ts';
import { MachineRunner } from '../../src/lab/machine-runner.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { enlistmentForm, simulatedHardware, uuidBytes } from '../../src/lab/simulated-hardware.ts';
import { SimulatedMachine } from '../../src/lab/simulated-machine.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
/** Boots the `index`th simulated machine in a lab, and waits until it is off; reports its steps to `onStep`. */
export async function bootSimulatedMachine(
  place: LabPlace,
  index: number,
  onStep: (step: MachineStep) => void,
): Promise<MachineOutcome> {
  const hardware = simulatedHardware(index);
  const machine = new SimulatedMachine({
    mac: hardware.mac,
    uuid: uuidBytes(hardware.uuid),
    architecture: 0,
    enlistmentForm: (bootMac) => enlistmentForm(hardware, bootMac),
    seed: Buffer.from(systemClock.randomBytes(4)).readUInt32BE(0),
  });
  const network = await openNetwork();
  const runner = new MachineRunner(machine, { ...place, network, clock: systemClock, device: 'lo', onStep });
  try {
    return await runner.run();
  } finally {
    await runner.close();
    await network.close();
  }
}
