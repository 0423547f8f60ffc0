// Keeps a person from enabling a second DHCP server in a network unknowingly: the rack searches the
// interface before it gives addresses there.
//
//   form ─► the rack searches ─┬─ a server answers ─► refused at the mode; the form then has a tick for both servers
//                              ├─ none ─► stored
//                              └─ no answer of the rack in time, or it cannot search ─► stored; the notice says that it was not checked
//
// 1. Only a change that begins to give addresses is checked: not proxy mode, nor a network behind
//    relay agents.

import { type Html, nothing } from '../../../ground/html.ts';
import type { SettingValue } from '../../../machines/settings.ts';
import { type Refusal, refuseField } from '../../api/call/answer.ts';
import { checkField } from '../frame/forms.ts';
import { fieldValue, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';

/** The field that is refused. */
const MODE = 'mode';
/** The tick for two servers in one network. */
const BOTH = 'both_servers';

interface WantedServer {
  readonly rack: string;
  /** Of the rack's host; empty: behind relay agents. */
  readonly interface: string;
  readonly sent: ReadonlyMap<string, SettingValue | undefined>;
}

export const givesAddresses = (fields: WantedServer['sent']): boolean =>
  fields.get(MODE) !== 'proxy' && fields.get('management') !== 0;

/** @returns the refusal, or a sentence for the notice: empty, unless it could not be checked */
export async function checkSecondServer(view: View, wanted: WantedServer): Promise<Refusal | string> {
  const { rack, interface: name, sent } = wanted;
  if (name === '' || !givesAddresses(sent) || fieldValue(view, BOTH) === 'true') return '';
  const { second } = words.interfaces;
  const { outcome, servers = [] } = await view.region.racks.requests.ask(rack, { kind: 'search', interface: name });
  if (outcome !== 'done') return second.unchecked(name);
  return servers.length === 0 ? '' : refuseField(MODE, second.answers(name, servers));
}

/** The tick, once a server was found. */
export const bothField = (view: View): Html =>
  view.faults?.has(MODE) === true || fieldValue(view, BOTH) === 'true'
    ? checkField(view, { name: BOTH, label: words.interfaces.second.both })
    : nothing;
