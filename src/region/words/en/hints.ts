// The hints of a rack: what was seen of a machine's boot, what it most likely means, and what to do.

import { archFlag, cpuOfLoader, findArchitecture, isBuiltFor } from '../../../boot/architectures.ts';
import { baseName, isKernelFile } from '../../../boot/paths.ts';
import { counted } from '../../../counted.ts';
import type { HintParams } from '../../records/rack-event-params.ts';
import { PURPOSE_CURES, refusalOf } from './rack-files.ts';

const fileOf = ({ file }: HintParams): string => file ?? 'a file';

/** The remedy for a file that is not in the boot tree. */
function cureFor(file: string): string {
  if (!isKernelFile(file)) return `\`sudo rackboot images build${archFlag(cpuOfLoader(file))}\` fetches the loaders`;
  return file.includes('/install/')
    ? "`sudo rackboot images import-installer` adds Debian's installer"
    : '`sudo rackboot images build` builds the environment';
}

/** By name, from the parameters that its pattern has. */
const HINT_SENTENCES = {
  'asked-before-heard': ({ seconds = 0 }) =>
    `it had been asking for ${seconds} s when its first DISCOVER arrived here: the switch port did not forward until then, as ` +
    'with spanning tree after a port gets carrier (make it an edge port, PortFast), or this rack was not serving it yet',
  'offer-not-taken': ({ proxied, times = 0 }) =>
    proxied === true
      ? `it asked for an address ${counted(times, 'time')} and took none: this network is in proxy mode, and the other DHCP server ` +
        'offers it none, or the offers do not reach it'
      : `it was offered an address ${counted(times, 'time')} and took none: the offers do not reach it (a filter, the wrong VLAN, a ` +
        'relay), or another DHCP server answers on this network',
  'other-server': () =>
    'it took the offer of another DHCP server on this network: let only one of the two serve the network, or that one will ' +
    'not tell it how to boot from here',
  'no-loader': ({ client = '', architecture = 0 }) =>
    `there is no loader for ${client}, architecture ${architecture}: ` +
    `${findArchitecture(architecture)?.remark ?? 'set one in boot.loaders'} as ${architecture}: FILE`,
  'loader-loop': (hint) =>
    `it loaded ${baseName(fileOf(hint))} ${counted(hint.times ?? 0, 'time')} without requesting a configuration or a kernel: the loader ` +
    "restarts itself, fails immediately, or is rejected by Secure Boot; check the machine's screen, and boot.loaders if it is set",
  'file-missing': ({ file = '' }) =>
    isKernelFile(file) || isBuiltFor(cpuOfLoader(file))
      ? `it needs ${file}, which is not in the boot tree: ${cureFor(file)}, or put the file there`
      : `it needs ${file}, which is not in the boot tree: Rackboot fetches no loaders for 32-bit UEFI; if the processor is ` +
        '64-bit, put the file there yourself',
  'cannot-start': ({ purpose = '' }) => `it cannot start: ${PURPOSE_CURES[purpose] ?? purpose}`,
  'transfer-stalled': (hint) =>
    `it stopped acknowledging ${fileOf(hint)} in the middle: it was powered off, or its network lost every packet from then on`,
  'transfer-unheard': ({ times = 0, blockBytes = 512 }) =>
    `${counted(times, 'transfer')} started and it acknowledged no block: a firewall drops packets between ports above 1023, or ` +
    `blocks of ${counted(blockBytes, 'byte')} exceed the path MTU`,
  'packets-lost': (hint) =>
    `${hint.times ?? 0} of ${counted(hint.blocks ?? 0, 'block')} of ${fileOf(hint)} had to be sent again: packets are lost on the way to the machine; ` +
    'check the cable, the duplex mode and the error counters of the switch port',
  'report-refused': (hint) =>
    `the region refused its report with ${hint.status ?? 0}: ${refusalOf(hint) ?? 'no reason given'}`,
} as const satisfies Readonly<Record<string, (hint: HintParams) => string>>;
export type HintName = keyof typeof HINT_SENTENCES;

const isHintName = (name: string): name is HintName => Object.hasOwn(HINT_SENTENCES, name);

/** The sentence of a hint; the name of a later version's. */
export const hintText = ({ hint, ...params }: HintParams & { readonly hint: string }): string =>
  isHintName(hint) ? HINT_SENTENCES[hint](params) : hint;
