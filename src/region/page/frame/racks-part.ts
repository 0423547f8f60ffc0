// What several pages show of a rack: its address, its state, and its events that have not arrived.

import { type Html, html, type Part } from '../../../ground/html.ts';
import { isAway, type Rack } from '../../records/rack.ts';
import { none, SPACE } from './values.ts';
import { words } from './words.ts';

/** The page of all racks. */
export const RACKS_PATH = '/MAAS/racks/';

export const rackPath = ({ uuid }: Pick<Rack, 'uuid'>): string => `${RACKS_PATH}${uuid}/`;

const COLOURS = { pending: 'amber', accepted: 'green', rejected: 'grey', embedded: 'green', away: 'red' } as const;

export function statePill(rack: Rack, nowMs: number): Html {
  const state = rack.isEmbedded ? 'embedded' : isAway(rack, nowMs) ? 'away' : rack.state;
  return html`<span class="pill ${COLOURS[state]}">${words.racks.states[state]}</span>`;
}

export function eventsText({ pulse }: Rack): Part {
  const counts: readonly (readonly [number, string])[] = [
    [pulse?.waiting ?? 0, words.racks.waiting],
    [pulse?.dropped ?? 0, words.racks.lost],
    [pulse?.deadLetters ?? 0, words.racks.refused],
  ];
  const texts = counts.filter(([count]) => count > 0).map(([count, what]) => `${count}${SPACE}${what}`);
  return texts.length === 0 ? none : texts.join(', ');
}
