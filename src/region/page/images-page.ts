// What can be deployed: the images of the store, and how more of them come.

import { type Html, html } from './html.ts';
import { cell, pageOf } from './parts.ts';
import { formatDisk } from './values.ts';
import type { PageDefinition, View } from './view.ts';

/** Images on the page. */
const SHOWN_MAX = 300;

function render(view: View): Html {
  const images = view.region.images?.() ?? [];
  const rows = images.slice(0, SHOWN_MAX).map(
    ({ os, release, architecture, subarchitecture, label, serial, title, bytes, diskBytes }) =>
      html`
        <tr><td class="first"><div><div class="name">${os}/${release}</div><div class="small">${title}</div></div></td>
        ${cell('Architecture', subarchitecture === 'generic' ? architecture : `${architecture}/${subarchitecture}`)}
        ${cell('Version', html`${serial}<div class="small">${label}</div>`)}
        ${cell('Download', formatDisk(bytes))}
        ${cell('Fills', diskBytes === undefined ? '' : formatDisk(diskBytes))}
        </tr>`,
  );
  const head = ['System', 'Architecture', 'Version', 'Download', 'Fills'].map((text) => html`<th>${text}</th>`);
  const list =
    rows.length === 0
      ? html`<div class="sheet empty"><b>No images yet</b><span class="soft">On the rack, <code>rackboot images make-debian</code> builds one,
        and <code>rackboot images add FILE --os debian --release trixie</code> takes one that you have.</span></div>`
      : html`<div class="sheet"><table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
  return pageOf(view, {
    title: 'Images',
    place: 'images',
    main: html`<div class="bar"><h1>Images</h1></div>${list}`,
    footer: html`Images are added and removed on the rack: <code>rackboot images add</code>, <code>rackboot images remove</code>.`,
  });
}

export const IMAGES_PAGE: PageDefinition = { path: '/MAAS/images/', access: 'look', render };
