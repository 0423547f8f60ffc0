// The page's words in Japanese that are computed; the others are in `lang/ja.json`. A word that
// both lack is English (`words.ts`).
//
// 1. Terms: マシン machine, ラック rack, リージョン region, エンリスト enlist, コミッショニング commission, デプロイ deploy,
//    割り当て allocate, 解放 release, 予約 reservation, 動的範囲 and 静的範囲 ranges, 取得元 image source, MACアドレス
//    hardware address.
// 2. Commands, keys of the configuration, and values that people type stay as they are.

import { html } from '../../../ground/html.ts';
import { formatAge, formatDuration, formatSize } from '../../../ground/quantity.ts';
import { DOUBTS_JA, HAPPENINGS_JA } from './happenings.ts';
import type { Translation } from './words.ts';

const UNITS: Readonly<Record<string, string>> = { s: '秒', min: '分', h: '時間', d: '日' };

/** Names the units of a duration: `3 h 12 min` as `3時間12分`. */
const inUnits = (duration: string | number): string =>
  String(duration).replace(/ (s|min|h|d)\b ?/g, (_text, unit: string) => UNITS[unit] ?? unit);

const lasting = (ms: number): string => inUnits(formatDuration(ms));

export const JAPANESE: Translation = {
  happenings: HAPPENINGS_JA,
  doubts: DOUBTS_JA,
  away: {
    next: (isRepeated) =>
      html`${isRepeated ? 'このページは5秒ごとに再試行します。' : ''}再起動は不要です。詳細は、リージョンのホストで<code>sudo rackboot status</code>とログを確認してください。`,
  },
  signIn: {
    lead: html`このリージョンのマシンは、アカウントを持つ人だけが閲覧できます。`,
    failed: {
      'spent-link': html`このリンクは使用済みか、10分以上経過しています。<code>sudo rackboot page</code>で新しいリンクを表示できます。`,
    },
    link: (username) => html`このリンクで、このブラウザーから<b>${username}</b>として一度だけサインインできます。`,
    noAccount: (isApart, config) =>
      html`${isApart ? 'リージョンのホスト' : 'ラック'}で<code>sudo rackboot page${config}</code>を実行すると、パスワードなしでサインインできるリンクが表示されます。<code>sudo rackboot createadmin --username NAME${config}</code>でアカウントを作成できます。`,
  },
  forms: {
    changedMeanwhile: (now) =>
      now === ''
        ? 'この間に、他の人または別のタブで空にされました。もう一度保存すると、入力した値になります。'
        : `この間に、他の人または別のタブで変更されました: ${now}。もう一度保存すると、入力した値に置き換わります。`,
  },
  values: {
    ago: (ms) => inUnits(formatAge(ms).replace('just now', 'たった今')).replace(/ago$/, '前'),
  },
  effects: {
    starts({ isSwitched, isOff }) {
      if (!isSwitched)
        return 'Rackbootはこのマシンの電源を入れられません。ネットワークを起動順序の先頭にして、手動で電源を入れてください。制限時間は最初の要求から数えます。';
      const start = '電源ドライバーがネットワークから起動します';
      return isOff ? `${start}。` : `${start}。現在動作中のシステムは停止します。`;
    },
    ends({ isSwitched, isOff }) {
      if (isOff) return '電源はすでに切れています。';
      return isSwitched
        ? '電源が切れます。'
        : 'Rackbootはこのマシンの電源を切れません。手動で切るまで動作し続けることがあります。';
    },
    freed: ({ fqdn }) => `アドレスとDNS名${fqdn === '' ? '' : ` ${fqdn} `}はすぐに解放されます。`,
    workStops: ({ state }) => `処理 (${state}) はすぐに停止します。`,
  },
  actionForms: {
    disks: {
      full: (size) => ({
        text: '完全消去',
        meaning: `すべてを上書きまたは破棄します。数時間かかることがあります${size === '' ? '' : ` (${size})`}。`,
      }),
    },
  },
  deploy: {
    noInstaller: (command) =>
      html`このシステムのインストーラーはありません。ラックで<code>${command}</code>を実行すると、Debianのものを追加できます。`,
    noImage: (architecture) =>
      html`<b>${architecture}用のイメージがありません。</b>ラックで<code>sudo rackboot images make-debian</code>を実行すると作成でき、<code>sudo rackboot images add FILE</code>で独自のイメージを追加できます。`,
    noKey: (isYours, owner) =>
      html`<b>${isYours ? 'あなた' : owner}のSSH鍵がまだありません。</b>誰もログインできないため、デプロイは拒否されます。先に<a href="/MAAS/account/">鍵を追加</a>するか、ラックで<code>sudo rackboot sshkeys add ~/.ssh/id_ed25519.pub --username ${owner}</code>を実行してください。このファイルがない場合は、お使いのコンピューターで<code>ssh-keygen</code>を実行すると作成できます。`,
  },
  power: {
    tasks: {
      query: {
        done: (machine, state, why = '') => {
          const states: Readonly<Record<string, string>> = { on: 'オン', off: 'オフ', error: '確認できませんでした' };
          return `${machine}の電源: ${states[state ?? ''] ?? '不明'}${why === '' ? '' : ` (${why})`}。`;
        },
      },
    },
  },
  networks: {
    vlan: (vid, name) =>
      vid === 0 ? 'タグなし' : name === '' || name === String(vid) ? `VLAN ${vid}` : `${name} (${vid})`,
    leasedFor: (duration) => `残り${inUnits(duration)}`,
    reserved: (ip) => `${ip === '' ? 'アドレス' : ip}を予約しました。`,
  },
  networkObjects: {
    ranges: {
      loss: (isReserved) =>
        isReserved
          ? 'この範囲のアドレスを再びマシンに割り当てられるようになります。'
          : 'ホストはこの範囲からアドレスを取得できなくなります。ラックがこの範囲でDHCPを提供している間は拒否されます。',
    },
  },
  interfaces: {
    second: {
      answers: (nic, servers) =>
        `${nic}で別のDHCPサーバーが応答しています: ${servers.join('、')}。1つのネットワークで2台のサーバーがアドレスを割り当てると、そこのすべてのホストに支障が出ます。proxyを選ぶか、そのサーバーを停止するか、両方を動かす場合はチェックしてください。`,
    },
    chooseFor: (cidr, count) =>
      count === 0
        ? `${cidr}にアドレスを持つラックがありません。ラックのインターフェースにアドレスを設定するか、リレーエージェントに要求を転送させてください。`
        : `${cidr}でDHCPを提供するラックを選択してください。`,
    enableIn: (cidr) => (cidr === '' ? 'リレーエージェント経由のDHCPを有効にする' : `${cidr}でDHCPを有効にする`),
    by: (rack, nic, ip) =>
      nic === ''
        ? `${rack}が、リレーエージェントから転送された要求に応答します。`
        : `${rack}が、アドレス${ip}を持つ${nic}で応答します。`,
  },
  images: {
    onDisk: (size) => `ディスク上で${formatSize(size)}`,
    uses: (first, machines) => (machines === 1 ? first : `${first}ほか${machines - 1}台`),
    amount: (bytes, total) => (total === undefined ? formatSize(bytes) : `${formatSize(bytes)} / ${formatSize(total)}`),
    left: (ms) => `残り${lasting(ms)}`,
    nextTry: (ms) => (ms <= 0 ? '今すぐ再試行' : `${lasting(ms)}後に再試行`),
    resumes: (ms) => (ms <= 0 ? '今すぐ再開' : `${lasting(ms)}後に再開`),
    run: {
      next: (ms) => (ms <= 0 ? '次のインポートを開始します。' : `次のインポートは${lasting(ms)}後に始まります。`),
    },
    free: (bytes) => `ディスクの空きは${formatSize(bytes)}です。`,
    byHand: html`取得元に接続できない場合は、ラックで<code>sudo rackboot images make-debian</code>を実行すると、DebianのミラーのパッケージからDebianのイメージを約10分で作成できます。<code>sudo rackboot images add FILE --os debian --release trixie</code>で独自のイメージを追加できます。`,
    footer: html`ラックでは: <code>sudo rackboot images import</code>、<code>sudo rackboot images add</code>、<code>sudo rackboot images remove</code>。どこからでも: <code>rackboot images upload</code>。`,
    total: (size) => `ダウンロード量は${formatSize(size)}`,
    startsBy: (ways) => (ways.length === 0 ? '不明' : ways.join('と')),
    cloudInit: (isThere) => (isThere ? 'cloud-init' : 'cloud-initが見つかりません'),
    deleteWhat: (isImported) =>
      isImported
        ? 'すべてのバージョンが削除されます。選択に含まれている間は、次のインポートで再び取得されます。それを防ぐには選択を解除してください。'
        : 'すべてのバージョンが削除されます。',
  },
  choose: {
    example: (title, architecture, bytes) =>
      `例: ${architecture}用の${title}${bytes === undefined ? '' : ` (ダウンロード量 ${formatSize(bytes)})`}。`,
    fixed: (isTicked) => (isTicked ? '選択に含まれています' : '選択から除外されています'),
    saved: (changes) =>
      changes === 0 ? '変更はありませんでした。' : `${changes}件の変更を保存しました。次のインポートから反映されます。`,
  },
  upload: {
    lead: html`マシンのシステムになる、ディスクイメージまたはシステムのルートのアーカイブです。ファイルは5分以内に届く必要があります。<code>rackboot images upload</code>を使うと、大きなファイルを分割して送信できます。`,
    kindOf: (type) =>
      type === 'squashfs' || type.startsWith('t') ? `${type}: システムのルート` : `${type}: ディスクイメージ`,
  },
  sources: {
    shippedSource: (file) =>
      html`Rackbootの一部です。変更するには、同じ名前の取得元を<code>${file}</code>に記載してください。そちらが優先されます。`,
    pinnedSelection: (file, line) =>
      `${file}${line === undefined ? '' : `の${line}行目`}に記載されています。そこで削除してください。`,
    signed: {
      accepted: (count) => (count === 0 ? '署名あり' : `署名あり: 受け入れる鍵${count}個`),
    },
    selectionAdded: (image, ms) => {
      const next =
        ms === undefined
          ? 'インポートの予定はありません'
          : `${ms <= 0 ? '今すぐ' : `${lasting(ms)}後に`}始まる次のインポートで取得します`;
      return `${image}を選択しました。${next}。ページ「イメージ」の「今すぐインポート」で、すぐに開始できます。`;
    },
    hasKeys: (bytes) => `独自の鍵があります (${formatSize(bytes)})。新しい鍵はそれを置き換えます。`,
  },
  tags: {
    loss: (machines) =>
      machines === 0
        ? 'このタグの付いたマシンはありません。'
        : `${machines}台のマシンからこのタグとカーネルパラメーターがなくなります。`,
  },
  scripts: {
    atMost: (time) => `最長${inUnits(time)}`,
    tagged: (tags) => `タグ: ${tags.join(', ')}`,
  },
  settings: {
    byDefault: (value) => (value === '' ? '既定' : `既定 (${value})`),
    writtenIn: ({ key, pin }) =>
      pin.kind === 'own' ? `${pin.file}の${key}に記載` : `ラック${pin.rack}の設定ファイルの${key}に記載`,
    footer: html`コマンドラインでも同じことができます: <code>sudo rackboot config show</code>、<code>sudo rackboot config set</code>。`,
    saved: (labels) => `保存しました: ${labels.join('、')}。`,
  },
  machine: {
    locked: (systemId) =>
      html`ロックされています。解除するには<code>sudo rackboot machines unlock ${systemId}</code>を実行してください。`,
    onTheRack: (machine) =>
      html`ラックでは: <code>sudo rackboot trace ${machine} --follow</code>は各段階をその場で表示し、<code>sudo rackboot why ${machine}</code>は今このマシンが受け取るものを表示します。`,
  },
  waterfall: {
    dhcp: (client) => (client === undefined ? 'DHCP (動作中のシステム)' : `DHCP (${client})`),
    asked: (span) => `要求を${inUnits(span)}繰り返した後`,
    file: (file, why) => (why === '' ? `取得: ${file}` : `取得: ${file} (理由: ${why})`),
    told: (purpose, state) => (state === undefined ? `指示: ${purpose}` : `指示: ${purpose} (状態: ${state})`),
  },
  layout: {
    inUse: (machine, state, states) =>
      `${machine}は「${state}」です。ネットワークとディスクを変更できる状態: ${states.join('、')}。`,
    heading: (task, object, machine) => (object === '' ? `${machine}: ${task}` : `${machine}の${object}: ${task}`),
    storage: {
      raid: (members, spares) => `RAID 1: ${members}${spares === '' ? '' : ` (予備: ${spares})`}`,
    },
  },
  facts: {
    uefi: (isSecure) => (isSecure ? 'UEFI (セキュアブート)' : 'UEFI'),
  },
  logins: {
    keys: (isKnown, owner) =>
      `${isKnown ? '' : 'イメージの最初のユーザーまたはrootとして、'}${owner ?? '所有者'}のSSH鍵を使用 (パスワードなし)`,
    hostKey: (key) => html`ホスト鍵 ${key}`,
    with: (keys, username) => (username === '' ? '鍵の持ち主なし' : `${username}の鍵${keys}個を使用`),
    left: (time) => `残り${inUnits(time)}`,
  },
  machines: {
    pager: {
      range: (from, to, count) => (count === 0 ? '' : `${from}～${to} / ${count}`),
    },
  },
  many: {
    some: (able, total) => `${total}台中${able}台が対象です。${total - able}台は下の理由で対象外です。`,
  },
  identity: {
    lead: (doubts) =>
      doubts === 0
        ? 'このマシンがほかのマシンと同じだと示すものはありません。'
        : '同じマシンかどうかを判断してください。ハードウェアを比べ、統合するか、別々のままにします。',
  },
  overview: {
    first: {
      steps: {
        networks: (networks) =>
          networks.length === 0
            ? 'マシンのネットワークでDHCPを提供します。'
            : `${networks.join('、')}でDHCPを提供しています。`,
      },
    },
  },
  racks: {
    foreignServers: (servers) =>
      `別のDHCPサーバーが応答しています: ${servers.join('、')}。マシンがその提案を受け取り、ここから起動できなくなる可能性があります。そのサーバーを停止するか、proxyモードを使ってください`,
    join: {
      lead: (url) =>
        html`追加するホストで<code>sudo rackboot init --region ${url}</code>を実行すると、このリージョンに参加します。ラックは独自の鍵を作成し、ここで承認を待ちます。管理者のAPIキー (<a href="/MAAS/account/">作成</a>。一度だけ表示されます) を使うと、すぐに承認されます。`,
    },
  },
  rack: {
    keys: {
      own: html`独自の鍵です。変更するには、ラックのホストで<code>region.api_key_file</code>のファイルを削除して再起動してください。その後、再び承認を待ちます。`,
      of: (username) =>
        html`${username}のAPIキーです。変更するには、ラックのホストで<code>region.api_key_file</code>に別のキーを入れて再起動してください。`,
    },
    silent: {
      todo: html`既知のマシンへの提供は続いており、イベントは復帰後に届きます。ラックのホストで<code>sudo rackboot status</code>を実行すると、動作中か、リージョンに到達できるかがわかります。<code>sudo journalctl -u rackboot -n 50</code>で原因を確認できます。`,
    },
    verbs: {
      accept: {
        effects: (address) => [
          'ラックは、担当するネットワークの設定とマシンを秘密の情報も含めて受け取り、リージョンはそのラックの報告を信頼します。',
          `${address}から登録されました。このホストを知っている場合だけ承認してください。`,
        ],
      },
      reject: {
        effects: () => ['ラックは何も受け取らず、削除されるまで拒否されたままになります。'],
      },
      delete: {
        effects: () => [
          'リージョンはこのラックの記録を消し、信頼しなくなります。担当するネットワークのマシンは残ります。',
          'ラックがまだ動作している場合は、再び登録され、承認を待ちます。',
        ],
      },
    },
  },
  health: {
    more: html`ラックのホストで<code>sudo rackboot doctor --fix-hint</code>を実行すると、マシンと同じようにラックへ要求を送り、ホストも検査します。`,
    clock: {
      off: (span) => `${inUnits(span)}のずれ`,
    },
    upstream: (server, domain) =>
      domain === ''
        ? `${server}が応答していません。最初の失敗:`
        : `${server} (${domain}用) が応答していません。最初の失敗:`,
    clockOff: (span) => `時計がリージョンと${inUnits(span)}ずれています。`,
  },
  account: {
    apiKeyTimes: (made, used) => html`作成: ${made} · ${used === undefined ? '未使用' : html`最後の使用: ${used}`}`,
    footer: (username) =>
      html`プログラムやコマンドライン用のAPIキーは、ラックで<code>sudo rackboot apikey --username ${username}</code>を実行すると表示されます。`,
  },
  people: {
    changed: (username, isAdmin) => `${username}は${isAdmin ? '管理者' : '一般ユーザー'}になりました。`,
  },
  dns: {
    domains: {
      loss: (names) =>
        names === 0
          ? '名前はありません。ラックはこのドメインについて応答しなくなります。'
          : `マシン、デバイス、レコード、予約アドレスの名前が${names}個あります。先に移動または削除してください。`,
    },
    loss: (record) => `\`${record}\`は提供されなくなります。`,
  },
  listing: {
    found: (matching, all) => (matching === all ? String(all) : `${all}件中${matching}件`),
  },
  areas: {
    zone: {
      loss: (machines) =>
        machines === 0
          ? 'マシンもデバイスも属していません。ラックは既定のゾーンに移ります。'
          : `マシンとデバイス${machines}台と、ラックが既定のゾーンに移ります。`,
    },
    pool: {
      loss: (machines) =>
        machines === 0
          ? 'マシンもデバイスも属していません。'
          : `マシンとデバイス${machines}台が属しています。先に別のプールに移してください。`,
    },
  },
};
