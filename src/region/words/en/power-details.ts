// The English sentences about power actions and queries: for each code, a function of its parameters.

import { cleanText } from '../../../clean-text.ts';
import { counted } from '../../../counted.ts';
import type { Complaint, PowerDetail, PowerDetailParams } from '../../../power/detail.ts';
import { problemText } from './power.ts';
import type { Writers } from './table.ts';

const COMPLAINTS: Readonly<Record<Complaint, string>> = {
  'wrong-password': 'the password is wrong',
  'wrong-password-or-key': 'password or key is wrong',
  'no-such-user': 'the BMC has no such user',
  'wrong-privilege-level': 'the user may not have that privilege level',
  'may-not-switch': 'the user may not switch power',
  'unknown-cipher-suite':
    'the BMC does not know this cipher suite or protocol; try another cipher_suite_id (17) or power_driver',
  'sessions-taken': 'all sessions of the BMC are taken',
  'unknown-name': 'its name is unknown',
  'no-answer': 'no answer',
  'stopped-answering': 'the BMC stopped answering',
  'no-session': 'no session could be opened',
  'host-key-changed': "the host's key has changed: if you expect that, remove its line from Rackboot's ssh/known_hosts",
  'key-not-accepted': 'the host does not accept our key: add the line from `rackboot power key` to its authorized_keys',
  'may-not-manage': 'the user may not manage virtual machines there: on Debian it must be in the group libvirt',
  'no-such-guest': 'the host has no such virtual machine',
};
const ACTS: Readonly<Record<PowerDetailParams['person-must']['act'], string>> = {
  on: 'switch it on',
  off: 'switch it off',
  'soft-off': 'shut it down',
  query: 'check whether it is on',
};

const after = (said = ''): string => (said === '' ? '' : `: ${said}`);
/** The controller's address, for those who get it. */
const theHost = (host: string): string => host || 'the controller';

/** Parameters that the reader may not see are empty (`power/detail.ts`). */
const DETAILS: Writers<PowerDetailParams> = {
  acknowledged: ({ said }) => said || 'done',
  'program-missing': ({ program, command }) => `${program} is not installed: ${command}`,
  'not-started': ({ program, said = 'it was cancelled' }) => `${program} was not started${after(said)}`,
  'program-late': ({ program, said }) => `${program} did not end in time${after(said)}`,
  'program-failed': ({ program, status, said }) => said || `${program} ended with ${status}`,
  'program-aborted': ({ program, status, said }) => `${program} itself failed, with status ${status}${after(said)}`,
  complaint: ({ meaning, said }) => `${COMPLAINTS[meaning] ?? meaning}${said === '' ? '' : ` (${said})`}`,
  'no-state': ({ said }) => `no power state in${after(said) || ' the answer'}`,

  'http-status': ({ status }) => `HTTP ${status}`,
  'http-redirect': ({ status }) => `HTTP ${status} redirects elsewhere, which is not followed: set the final URL`,
  'web-late': ({ host, seconds }) => `${theHost(host)} did not answer in ${seconds} s`,
  'web-failed': ({ host, said }) => `${theHost(host)} cannot be asked${after(said)}`,
  'certificate-untrusted': ({ host, said }) =>
    `the certificate of ${theHost(host)} is not trusted${said === '' ? '' : ` (${said})`}: install one from a known authority, or set power_verify_ssl to n`,
  cancelled: () => 'it was cancelled',
  'expression-slow': ({ name, ms }) => `${name} takes longer than ${ms} ms: write it without nested repetitions`,
  'expression-matches': ({ state }) => `power_${state}_regex matches the answer`,
  'no-expression-matches': ({ characters }) => {
    const searched =
      characters === 0 ? 'the empty answer' : `the first ${counted(characters, 'character')} of the answer`;
    return `neither power_on_regex nor power_off_regex matches ${searched}`;
  },

  'boots-from-network': ({ guest }) => `${guest || 'it'} boots from the network first`,
  'boots-otherwise': ({ guest }) =>
    `${guest || 'it'} does not boot from the network first, and Rackboot does not change its boot order: run virsh edit ${guest || 'NAME'}, and put <boot dev='network'/> first`,
  'by-hand': () => 'it is switched by hand',
  'person-must': ({ act }) => `a person must ${ACTS[act]}: Rackboot does not switch this machine`,

  'not-ours': () => 'another process of the region may switch this machine now, so the next step was not started',
  'no-network-boot': ({ started, why }) =>
    `${detailText(started)}; but it may not boot from the network: ${detailText(why)}`,
  unseen: ({ asked, look }) => `${detailText(asked)} (${detailText(look)})`,
  'not-seen': ({ asked, seconds, look }) => `${detailText(asked)}, but after ${seconds} s: ${detailText(look)}`,
  still: ({ state }) => `it is still ${state}`,

  interrupted: () => 'Rackboot ended during this action; whether it was done is unknown',
  stopping: () => 'Rackboot is stopping',
  'other-command': ({ command }) => `the machine is busy with another command: ${command}`,
  'too-many-queries': () => 'too many queries are waiting; try again later',
  'no-driver': ({ driver }) => `there is no power driver ${driver || 'none'}: set the machine's power_type`,
  'bad-parameters': ({ problems }) => `power_parameters: ${problems.map(problemText).join('; ')}`,
  'controller-busy': ({ controller }) => `its controller was busy with other machines for too long${after(controller)}`,
  'no-end': ({ seconds }) => `not finished within ${seconds} s`,
  'no-answer': ({ seconds }) => `no answer within ${seconds} s`,
  'not-recorded': ({ said }) => `not done, because it could not be recorded first${after(said)}`,
  'driver-bug': ({ said }) => `a bug in the driver${after(said)}`,
};

/** The sentence; an unknown code, which a later version may have stored, is shown as it is. */
function detailText<Code extends keyof PowerDetailParams>({ code, params }: PowerDetail<Code>): string {
  return Object.hasOwn(DETAILS, code) ? DETAILS[code](params) : code;
}

/** The sentence; empty if there is none. @param said the controller's raw answer, for administrators */
export function powerText(detail: PowerDetail | undefined, said?: string): string {
  const text = detail === undefined ? '' : cleanText(detailText(detail));
  return said === undefined ? text : `${text}; the controller answered: ${said}`;
}
