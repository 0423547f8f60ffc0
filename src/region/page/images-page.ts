// What can be deployed: the images of the store, and how more of them come.

import { escapeHtml } from './html.ts';
import { cell, pageOf } from './parts.ts';
import { formatDisk } from './values.ts';
import type { PageDefinition, View } from './view.ts';

/** Images on the page. */
const SHOWN_MAX = 300;

function render(view: View): string {
  const images = view.region.images?.() ?? [];
  const rows = images
    .slice(0, SHOWN_MAX)
    .map(({ os, release, architecture, subarchitecture, label, serial, title, bytes, diskBytes }) =>
      [
        `<tr><td class="first"><div><div class="name">${escapeHtml(`${os}/${release}`)}</div><div class="small">${escapeHtml(title)}</div></div></td>`,
        cell(
          'Architecture',
          escapeHtml(subarchitecture === 'generic' ? architecture : `${architecture}/${subarchitecture}`),
        ),
        cell('Version', `${escapeHtml(serial)}<div class="small">${escapeHtml(label)}</div>`),
        cell('Download', formatDisk(bytes)),
        cell('Fills', diskBytes === undefined ? '' : formatDisk(diskBytes)),
        '</tr>',
      ].join(''),
    );
  const head = ['System', 'Architecture', 'Version', 'Download', 'Fills'].map((text) => `<th>${text}</th>`).join('');
  const list =
    rows.length === 0
      ? '<div class="sheet empty"><b>No images yet</b><span class="soft">On the rack, <code>rackboot images make-debian</code> builds one, ' +
        'and <code>rackboot images add FILE --os debian --release trixie</code> takes one that you have.</span></div>'
      : `<div class="sheet"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
  return pageOf(view, {
    title: 'Images',
    place: 'images',
    main: `<div class="bar"><h1>Images</h1></div>${list}`,
    footer:
      'Images are added and removed on the rack: <code>rackboot images add</code>, <code>rackboot images remove</code>.',
  });
}

export const IMAGES_PAGE: PageDefinition = { path: '/MAAS/images/', access: 'look', render };
