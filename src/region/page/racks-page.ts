// All racks at /MAAS/racks/, and how another one joins.

import { type Html, html, nothing } from '../../html.ts';
import { pageUrl } from '../page-url.ts';
import { pageOf } from './parts.ts';
import { RACKS_PATH, renderRacks } from './racks-part.ts';
import type { PageDefinition, View } from './view.ts';
import { words } from './words.ts';

function render(view: View): Html {
  const { region, viewer, nowMs } = view;
  const join = viewer.isAdmin
    ? html`<h2>${words.racks.join.heading}</h2><div class="sheet note">${words.racks.join.lead(pageUrl(region.config()))}</div>`
    : nothing;
  return pageOf(view, {
    title: words.racks.heading,
    place: 'racks',
    isLive: true,
    main: html`<div id="bar" class="bar"><h1>${words.racks.heading}</h1></div><div id="racks">${renderRacks(region, nowMs)}</div><div id="join">${join}</div>`,
  });
}

export const RACKS_PAGE: PageDefinition = { path: RACKS_PATH, access: 'user', render };
