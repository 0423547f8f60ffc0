// Configuration files of regions apart from their racks.

import type { LabPlace } from '../../src/lab/safe-lab.ts';

/** Makes one on SQLite of a rack's file, whose state directory it has. @param more of `region`, in YAML */
export const apartFile =
  ({ regionPort, octets }: LabPlace) =>
  (text: string, more = ''): string =>
    [
      'name: hall',
      /^state_dir: .*$/m.exec(text)?.[0],
      `region: { listen: ["127.0.0.1:${regionPort}"], store: { kind: sqlite }${more} }`,
      `metrics: { listen: ["${octets}.2:5249"] }`,
      '',
    ].join('\n');

/** A file with the state directory of a rack's file, and these lines. */
export const withStateDirectory = (text: string, ...lines: readonly string[]): string =>
  [/^state_dir: .*$/m.exec(text)?.[0], ...lines, ''].join('\n');
