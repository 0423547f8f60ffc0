// Why a machine's report is refused. The log keeps a code and its parameters; their text is the answer's, too.

import { counted } from '../../counted.ts';
import type { RefusalName, RefusalWord } from './refusal.ts';

/** The reasons for refusing a machine's report: codes with their parameters. */
export interface ReportRefusals {
  'new-machines-limit': { readonly count: number; readonly max: number };
  'added-machines-limit': { readonly count: number; readonly max: number };
  'machines-limit.enlistment': { readonly count: number };
  'field.machine-exists': { readonly name: string; readonly systemId: string };
  'field.machines-mixed': {
    readonly holders: readonly { readonly macs: readonly string[]; readonly name: string; readonly systemId: string }[];
  };
  'field.hostname-taken': { readonly hostname: string };
}

/** Why a machine's report is refused. */
export type ReportRefused = {
  readonly [C in keyof ReportRefusals]: { readonly code: C; readonly params: ReportRefusals[C] };
}[keyof ReportRefusals];

/** A machine as people name it: `calm-eagle (ab12cd)`. */
export const named = ({ name, systemId }: { readonly name: string; readonly systemId: string }): string =>
  `${name} (${systemId})`;

export const machineExistsText = (machine: Parameters<typeof named>[0]): string =>
  `this machine exists already as ${named(machine)}: edit or delete that one`;
export const hostnameTakenText = (hostname: string): string => `the hostname ${hostname} is taken: choose another`;

/** By code, with the name of the refusal. */
export const REPORT_REFUSALS: { readonly [C in keyof ReportRefusals]: (params: ReportRefusals[C]) => string } = {
  'new-machines-limit': ({ count, max }) =>
    `${counted(count, 'machine is', 'machines are')} New, at most ${max} may be (region.new_machines_max), and ` +
    'none of them can be replaced: accept or delete some of them, then start this machine again',
  'added-machines-limit': ({ count, max }) =>
    `you have added ${counted(count, 'machine')} that no rack has booted, and the maximum is ${max}: boot some of them, or have an ` +
    'administrator delete some or add this one',
  'machines-limit.enlistment': ({ count }) =>
    `a region may have at most ${counted(count, 'machine')}: delete some that no longer exist`,
  'field.hostname-taken': ({ hostname }) => hostnameTakenText(hostname),
  'field.machine-exists': machineExistsText,
  'field.machines-mixed': ({ holders }) =>
    'its UUID or serial number and its hardware addresses belong to different machines. If a card was moved: ' +
    holders
      .map((holder) => {
        const macs = holder.macs.join(' ');
        return `${named(holder)} has ${macs}: \`rackboot machines split ${holder.systemId} --mac ${macs}\``;
      })
      .join('; '),
};

const NAMES: { readonly [C in keyof ReportRefusals]?: RefusalName } = {
  'new-machines-limit': 'new-machines-limit',
  'added-machines-limit': 'added-machines-limit',
  'machines-limit.enlistment': 'machines-limit',
};

const textOf = <C extends keyof ReportRefusals>(code: C, params: ReportRefusals[C]): string =>
  REPORT_REFUSALS[code](params);

/** The refusal of a report. */
export const refuseReport = (why: ReportRefused): RefusalWord & ReportRefused => ({
  ...why,
  name: NAMES[why.code] ?? 'invalid-parameters',
  text: textOf(why.code, why.params),
});
