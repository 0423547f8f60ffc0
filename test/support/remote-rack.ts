// A rack whose region is another process.

import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { RunningRack } from './running-rack.ts';

/** @param region the values of `region` besides its mode, in YAML, @param edit changes the rest of its file */
export function remoteRack(
  place: LabPlace,
  name: string,
  region: string,
  edit: (text: string) => string = (text) => text,
): RunningRack {
  return new RunningRack(place, (text) =>
    edit(text)
      .replace(/^name: .*$/m, `name: ${name}`)
      .replace(/^region: .*$/m, `region: { mode: remote, ${region} }`),
  );
}

/** The network of a place, as a value of the command `config set`. */
export const networkOf = ({ octets }: LabPlace): string =>
  `{ interface: lo, ip: ${octets}.1, network: ${octets}.0/24, ip_range_low: ${octets}.100, ip_range_high: ${octets}.199 }`;
