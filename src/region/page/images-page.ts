// The images that can be deployed, and the commands that add more.

import { type Html, html } from '../words/html.ts';
import { formatSize } from '../words/quantity.ts';
import { words } from '../words/text.ts';
import { cell, pageOf } from './parts.ts';
import type { PageDefinition, View } from './view.ts';

/** Images on the page. */
const SHOWN_MAX = 300;

async function render(view: View): Promise<Html> {
  const { columns, empty } = words.images;
  const images = (await view.region.images?.()) ?? [];
  const rows = images.slice(0, SHOWN_MAX).map(
    ({ os, release, architecture, subarchitecture, label, serial, title, bytes, diskBytes }) =>
      html`
        <tr><td class="first"><div><div class="name">${os}/${release}</div><div class="small">${title}</div></div></td>
        ${cell(columns.architecture, subarchitecture === 'generic' ? architecture : `${architecture}/${subarchitecture}`)}
        ${cell(columns.version, html`${serial}<div class="small">${label}</div>`)}
        ${cell(columns.download, formatSize(bytes))}
        ${cell(columns.onDisk, diskBytes === undefined ? '' : formatSize(diskBytes))}
        </tr>`,
  );
  const { system, architecture, version, download, onDisk } = columns;
  const head = [system, architecture, version, download, onDisk].map((text) => html`<th>${text}</th>`);
  const list =
    rows.length === 0
      ? html`<div class="sheet empty"><b>${empty.title}</b><span class="soft">${empty.hint}</span></div>`
      : html`<div class="sheet"><table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
  return pageOf(view, {
    title: words.images.title,
    place: 'images',
    main: html`<div class="bar"><h1>${words.images.title}</h1></div>${list}`,
    footer: words.images.footer,
  });
}

export const IMAGES_PAGE: PageDefinition = { path: '/MAAS/images/', access: 'look', render };
