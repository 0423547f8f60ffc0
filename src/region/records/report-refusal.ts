// Why a machine's report is refused: the log keeps a code and its parameters, the answer has the same text.

import { counted } from '../../ground/counted.ts';
import { type Coded, type WrittenParams, write } from '../../ground/event.ts';
import type { RefusalName, RefusalWord } from './refusal.ts';

export type ReportRefusals = WrittenParams<typeof REPORT_REFUSALS>;
export type ReportRefused = Coded<ReportRefusals>;

interface Named {
  readonly name: string;
  readonly systemId: string;
}

/** `calm-eagle (ab12cd)`. */
export const formatNameAndId = ({ name, systemId }: Named): string => `${name} (${systemId})`;

export const machineExistsText = (machine: Named): string =>
  `this machine exists already as ${formatNameAndId(machine)}: edit or delete that one`;
export const hostnameTakenText = (hostname: string): string => `the hostname ${hostname} is taken: choose another`;

export const REPORT_REFUSALS = {
  'new-machines-limit': ({ count, max }: { count: number; max: number }) =>
    `${counted(count, 'machine is', 'machines are')} New, at most ${max} may be (region.new_machines_max), and ` +
    'none of them can be replaced: accept or delete some of them, then start this machine again',
  'added-machines-limit': ({ count, max }: { count: number; max: number }) =>
    `you have added ${counted(count, 'machine')} that no rack has booted, and the maximum is ${max}: boot some of them, or have an ` +
    'administrator delete some or add this one',
  'machines-limit.enlistment': ({ count }: { count: number }) =>
    `a region may have at most ${counted(count, 'machine')}: delete some that no longer exist`,
  'field.hostname-taken': ({ hostname }: { hostname: string }) => hostnameTakenText(hostname),
  'field.machine-exists': machineExistsText,
  'field.machines-mixed': ({ holders }: { holders: readonly (Named & { readonly macs: readonly string[] })[] }) =>
    'its UUID or serial number and its hardware addresses belong to different machines. If a card was moved: ' +
    holders
      .map((holder) => {
        const macs = holder.macs.join(' ');
        return `${formatNameAndId(holder)} has ${macs}: \`rackboot machines split ${holder.systemId} --mac ${macs}\``;
      })
      .join('; '),
};

const NAMES: { readonly [C in keyof ReportRefusals]?: RefusalName } = {
  'new-machines-limit': 'new-machines-limit',
  'added-machines-limit': 'added-machines-limit',
  'machines-limit.enlistment': 'machines-limit',
};

export const refuseReport = (why: ReportRefused): RefusalWord & ReportRefused => ({
  ...why,
  name: NAMES[why.code] ?? 'invalid-parameters',
  text: write<ReportRefusals, ReportRefused['code']>(REPORT_REFUSALS, why),
});
