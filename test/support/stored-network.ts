// A rack whose file says only where it lives: its network comes from the store, by commands.

import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { DhcpProbes } from './probes.ts';
import { type Ended, RunningRack } from './running-rack.ts';

export class StoredNetwork {
  readonly rack: RunningRack;
  readonly probes: DhcpProbes;
  /** The cluster interface that a command may set. */
  readonly network: string;
  /** The first line of the log since the last command about the configuration. */
  from = 0;

  private constructor(rack: RunningRack, probes: DhcpProbes, { octets }: LabPlace) {
    this.rack = rack;
    this.probes = probes;
    const range = `ip_range_low: ${octets}.100, ip_range_high: ${octets}.199`;
    this.network = `{ interface: lo, ip: ${octets}.1, network: ${octets}.0/24, ${range} }`;
  }

  /** Starts the rack with the lab's file without its network. */
  static async start(place: LabPlace): Promise<StoredNetwork> {
    const rack = new RunningRack(place, (text) => text.replace(/cluster_interfaces:\n( .*\n)+/, ''));
    const probes = await DhcpProbes.open(place);
    await rack.startWhole();
    return new StoredNetwork(rack, probes, place);
  }

  readonly rackboot = (...words: readonly string[]): Promise<Ended> => this.rack.rackboot(...words);

  readonly config = (...words: readonly string[]): Promise<Ended> => {
    this.from = this.rack.lines.length;
    return this.rackboot('config', ...words);
  };

  async remove(): Promise<void> {
    await this.probes.close();
    await this.rack.remove();
  }
}
