// The hints of a rack: an observation about a machine's boot, its most likely cause, and the remedy.

import { cpuOfLoader, loadersCommand } from '../../boot/architectures.ts';
import { fileText, PURPOSE_PROBLEMS } from '../../boot/boot-words.ts';
import { baseName, isKernelFile } from '../../boot/paths.ts';
import { counted } from '../../ground/counted.ts';
import type { ParamsOf } from '../../ground/event.ts';
import { refusalText } from '../../http/events.ts';

/** The fields of a hint; each pattern has some of these. `seconds`: how long the client had been asking; `times`: how often the pattern was seen
 * (offers, loads, transfers, repeated blocks). */
export const HINT_FIELDS = {
  client: 'text?',
  architecture: 'number?',
  file: 'text?',
  purpose: 'text?',
  proxied: 'flag?',
  seconds: 'number?',
  times: 'number?',
  blocks: 'number?',
  blockBytes: 'number?',
  status: 'number?',
  reason: 'text?',
  said: 'text?',
} as const;
/** The parameters of a hint's sentence. */
export type HintParams = ParamsOf<typeof HINT_FIELDS>;

/** The remedy for a file that is not in the boot tree. */
function formatRemedy(file: string): string {
  if (!isKernelFile(file)) return `\`sudo ${loadersCommand(cpuOfLoader(file))}\` fetches the loaders`;
  return file.includes('/install/')
    ? "`sudo rackboot images import-installer` adds Debian's installer"
    : '`sudo rackboot images build` builds the environment';
}

/** The sentences of hints by name, each from the parameters of its pattern. */
const HINT_SENTENCES = {
  'asked-before-heard': ({ seconds = 0 }) =>
    `it had been asking for ${seconds} s when its first DISCOVER arrived here: the switch port did not forward until then, as ` +
    'happens with spanning tree after link-up (make it an edge port, PortFast), or this rack was not serving it yet',
  'offer-not-taken': ({ proxied, times = 0 }) =>
    proxied === true
      ? `it asked for an address ${counted(times, 'time')} and took none: this network is in proxy mode, and the other DHCP server ` +
        'offers it none, or the offers do not reach it'
      : `it was offered an address ${counted(times, 'time')} and took none: the offers do not reach it (a filter, the wrong VLAN, a ` +
        'relay), or another DHCP server answers on this network',
  'proxy-offer-ignored': ({ times = 0 }) =>
    `it took an address of the other DHCP server ${counted(times, 'time')} and loaded nothing: its firmware ignores offers without an address; ` +
    'give it the quirk boot-server (boot.quirks), or let this rack give the addresses (without mode: proxy)',
  'other-server': () =>
    'it took the offer of another DHCP server on this network: let only one of the two serve the network, because the ' +
    'other server does not tell it how to boot from here',
  'no-loader': ({ client = '', architecture = 0 }) =>
    `there is no loader for ${client}, architecture ${architecture}: set one in boot.loaders as ${architecture}: FILE`,
  'loader-loop': (hint) =>
    `it loaded ${baseName(fileText(hint))} ${counted(hint.times ?? 0, 'time')} without requesting a configuration or a kernel: the loader ` +
    "restarts itself, fails immediately, or is rejected by Secure Boot; check the machine's screen, and boot.loaders if it is set",
  'file-missing': ({ file = '' }) =>
    `it needs ${file}, which is not in the boot tree: ${formatRemedy(file)}, or put the file there`,
  'cannot-start': ({ purpose = '' }) => `it cannot start: ${PURPOSE_PROBLEMS[purpose] ?? purpose}`,
  'transfer-stalled': (hint) =>
    `it stopped acknowledging ${fileText(hint)} halfway: it was powered off, or its network lost every packet from then on`,
  'transfer-unheard': ({ times = 0, blockBytes = 512 }) =>
    `${counted(times, 'transfer')} started and it acknowledged no block: a firewall drops packets between ports above 1023, or ` +
    `blocks of ${counted(blockBytes, 'byte')} exceed the path MTU`,
  'packets-lost': (hint) =>
    `${hint.times ?? 0} of ${counted(hint.blocks ?? 0, 'block')} of ${fileText(hint)} had to be sent again: packets are lost on the way to the machine; ` +
    'check the cable, the duplex mode and the error counters of the switch port',
  'kernel-refused': (hint) =>
    `it loaded ${fileText(hint)} by HTTP, and then again by TFTP: GRUB did not start it. If its screen says "bad shim signature", Secure Boot ` +
    'refuses this file, which nobody it trusts has signed: turn Secure Boot off to start it',
  'tls-failed': ({ reason = '' }) =>
    `it ended the TLS handshake (${reason}): it does not trust the certificate of boot.http.tls; enrol the authority in its setup menu, and ` +
    "see that the certificate names the rack's address and has an RSA key",
  'report-refused': (hint) =>
    `the region refused its report with ${hint.status ?? 0}: ${refusalText(hint) ?? 'no reason given'}`,
} as const satisfies Readonly<Record<string, (hint: HintParams) => string>>;
export type HintName = keyof typeof HINT_SENTENCES;

const isHintName = (name: string): name is HintName => Object.hasOwn(HINT_SENTENCES, name);

/** The sentence of a hint; its name if only a later version has a sentence for it. */
export const hintText = ({ hint, ...params }: HintParams & { readonly hint: string }): string =>
  isHintName(hint) ? HINT_SENTENCES[hint](params) : hint;
