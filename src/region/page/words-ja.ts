// The page's words in Japanese that are computed; the others are in `lang/ja.json`. A word that both lack is English (`words.ts`).
//
// 1. Terms: マシン machine, ラック rack, リージョン region, エンリスト enlist, コミッショニング commission, デプロイ deploy, 割り当て allocate,
//    解放 release, 予約 reservation, 動的範囲 and 静的範囲 ranges, 取得元 image source, MACアドレス hardware address.
// 2. Commands, keys of the configuration, and values that people type stay as they are.

import { html } from '../../html.ts';
import { formatAge, formatDuration, formatSize } from '../../quantity.ts';
import type { MachineStatus } from '../records/lifecycle.ts';
import type { MachineEventType } from '../records/machine-event.ts';
import { driverLabel, parameterWords } from '../records/power-words.ts';
import { HAPPENINGS_JA } from './happenings.ts';
import type { Translation } from './words.ts';

const UNITS: Readonly<Record<string, string>> = { s: '秒', min: '分', h: '時間', d: '日' };

/** Names the units of a duration: `3 h 12 min` as `3時間12分`. */
const inUnits = (duration: string | number): string =>
  String(duration).replace(/ (s|min|h|d)\b ?/g, (_text, unit: string) => UNITS[unit] ?? unit);

const lasting = (ms: number): string => inUnits(formatDuration(ms));

const STATES: Readonly<Record<MachineStatus, string>> = {
  new: '新規',
  commissioning: 'コミッショニング中',
  'failed-commissioning': 'コミッショニング失敗',
  missing: '行方不明',
  ready: '準備完了',
  reserved: '予約済み',
  deployed: 'デプロイ済み',
  retired: '退役済み',
  broken: '故障',
  deploying: 'デプロイ中',
  allocated: '割り当て済み',
  'failed-deployment': 'デプロイ失敗',
  releasing: '解放中',
  'failed-releasing': '解放失敗',
  'disk-erasing': 'ディスク消去中',
  'failed-disk-erasing': 'ディスク消去失敗',
  'rescue-mode': 'レスキューモード',
  'entering-rescue-mode': 'レスキューモードに移行中',
  'failed-entering-rescue-mode': 'レスキューモードへの移行失敗',
  'exiting-rescue-mode': 'レスキューモードを終了中',
  'failed-exiting-rescue-mode': 'レスキューモードの終了失敗',
  testing: 'テスト中',
  'failed-testing': 'テスト失敗',
};

const EVENTS: Readonly<Record<MachineEventType, string>> = {
  NEW: '新規',
  NODE_CHANGED_STATUS: '状態の変更',
  NODE_STATUS_EVENT: '状態の報告',
  NODE_COMMISSIONING_EVENT: 'コミッショニング',
  NODE_TESTING_EVENT: 'テスト',
  NODE_ERASING_EVENT: 'ディスクの消去',
  NODE_RESCUE_EVENT: 'レスキューモード',
  NODE_PXE_REQUEST: 'PXE要求',
  NODE_TFTP_REQUEST: 'TFTP要求',
  NODE_HTTP_REQUEST: 'HTTP要求',
  NODE_DHCP_EVENT: 'DHCP',
  NODE_DNS_EVENT: 'DNS',
  NODE_RACK_EVENT: 'ラック',
  NODE_POWER_REPORTED: 'BMCの報告',
  NODE_ENLISTMENT_IGNORED: '無視したエンリストの報告',
  NODE_ENLISTMENT_REFUSED: '拒否したエンリスト',
  NODE_SEEN_ELSEWHERE: '別の場所で検出',
  NODE_ENLISTMENT_CONFLICT: '別のマシンである形跡',
  NODE_IDENTITY_CHANGED: 'マシンの統合・分離',
  NODE: 'マシン',
  NODE_INSTALL_EVENT: 'インストール',
  NODE_DISK_WRITTEN: 'ディスクの書き込み',
  NODE_POWERED_ON: '電源オン',
  NODE_POWERED_OFF: '電源オフ',
  NODE_POWER_ON_FAILED: '電源オンの失敗',
  NODE_POWER_OFF_FAILED: '電源オフの失敗',
  NODE_POWER_QUERY_FAILED: '電源確認の失敗',
  NODE_HUNG: '再起動',
  TAG: 'タグ',
  ZONES: 'ゾーンとプール',
  SCRIPT: 'スクリプト',
  NODE_REMOVED: 'マシン',
  RACK_REGISTERED: 'ラックの登録',
  RACK_CHANGED: 'ラック',
  RACK_AWAY: 'ラックの不通',
  RACK_BACK: 'ラックの復帰',
  RACK_EVENTS_LOST: 'イベントの消失',
  SETTINGS: '設定',
  NETWORKING: 'ネットワーク',
  IMAGES: 'イメージ',
  REGION_IMPORT_INFO: 'イメージのインポート',
  REGION_IMPORT_ERROR: 'イメージのインポートの失敗',
  AUTHORISATION: '認証',
};

/** The hints of generated forms, by the API's description of the parameter. One that is not here is shown in English. */
const HINTS: Readonly<Record<string, string>> = {
  'The architecture, `amd64/generic`.': '例: amd64/generic。',
  'The oldest kernel with which the machine may be deployed: `ga-24.04`, `hwe-24.04`; empty: any.':
    'デプロイに使える最も古いカーネル。例: ga-24.04、hwe-24.04。空欄: 制限なし。',
  'The system id of the machine that it is a part of.': 'これを含むマシンのシステムID。',
  'The system id of the other machine.': 'もう一方のマシンのシステムID。',
  'The hardware addresses of its interfaces.': 'インターフェースのMACアドレス。',
  'The hardware addresses of the new machine; repeated or separated by commas.': '新しいマシンのMACアドレス。',
  'The name or UUID of the rack.': '移動先のラック。',
  'The name of one of its networks, or the network as 10.20.0.0/24. Default: the first that only this rack serves.':
    'ラックのネットワークの名前、または10.20.0.0/24の形式。既定: このラックだけが担当する最初のもの。',
  'The tag, any word.': '任意の語。',
  '1 to 64 letters, digits, - and _, with spaces between them.': '英字、数字、-、_を1～64文字。間に空白も使えます。',
  'Its name. Default: the network.': '既定: ネットワーク。',
  'Its name. Default: fabric-N.': '既定: fabric-N。',
  'Its name. Default: space-N.': '既定: space-N。',
  'Its name. Default: eth0, eth1, and so on.': '既定: eth0、eth1など。',
  'Its name. Default: md0, md1, and so on.': '既定: md0、md1など。',
  'Its name.': '名前。',
  'Its new name.': '新しい名前。',
  'Its name, without that of the group.': 'グループの名前を除いた名前。',
  'Its name on the deployed system: at most 15 letters, digits, `.`, `_` and `-`.':
    'デプロイ後のシステムでの名前: 英字、数字、.、_、-を15文字以内。',
  'Letters, digits, - and _.': '英字、数字、-、_。',
  'Its purpose.': '用途。',
  'A note for people.': '人のためのメモ。',
  'The network: 10.20.0.0/24.': 'ネットワーク。例: 10.20.0.0/24。',
  'The id of its VLAN. Default: the untagged VLAN of the fabric.': '既定: ファブリックのタグなしVLAN。',
  'Its tag, 1 to 4094; 0: untagged.': 'タグ: 1～4094。0: タグなし。',
  'The router given to machines; empty: none.': 'マシンに通知するルーター。空欄: なし。',
  'The router, an address of the source.': 'ルーター。送信元のネットワークのアドレス。',
  'DNS servers given to machines, separated by commas or blanks; empty: those of the rack.':
    'マシンに通知するDNSサーバー。コンマまたは空白で区切ります。空欄: ラックの設定に従います。',
  'Whether machines get the rack as their DNS server. Kept while no rack offers DHCP there.':
    'マシンがラックをDNSサーバーとして使うか。DHCPを提供するラックがない間も保持されます。',
  'The first address.': '先頭アドレス。',
  'The last address.': '末尾アドレス。',
  'dynamic, for unknown machines; reserved, for nobody; static, for machines of the region.':
    'dynamic: 未知のマシン用。reserved: 割り当てない。static: リージョンのマシン用。',
  'The id or network of its subnet. Default: the one that has its addresses.':
    '既定: これらのアドレスを含むサブネット。',
  'The subnet of the machines that get the route: its id or network.': 'このルートを使うマシンのサブネット。',
  'The subnet that it leads to: its id or network.': 'ルートの宛先のサブネット。',
  'Deployed machines prefer the lowest. Leases have the routes in this order, without metrics. Default: 0.':
    'デプロイ済みのマシンは最小のものを優先します。リースにはこの順でルートが入り、メトリックは入りません。既定: 0。',
  'Any word for its kind, such as 10g.': '種類を表す任意の語。例: 10g。',
  'The largest packet in it, in bytes: 552 to 65535. Default: 1500.':
    '最大のパケット (バイト): 552～65535。既定: 1500。',
  'The name or id of its space; empty: none.': '属するスペース。空欄: なし。',
  'The UUID or name of the rack that offers DHCP. Its host needs an address in each of these subnets.':
    'DHCPを提供するラック。そのホストは、各サブネットにアドレスを持つ必要があります。',
  'The UUID or name of a second one, which has a cluster interface there.':
    'ここにクラスターインターフェースを持つ2台目のラック。',
  'An XPath expression on the hardware as lshw shows it: the machines where it is true, or finds something, get the tag.':
    'lshwのハードウェア情報に対するXPath式。真になるか、何かが見つかるマシンにこのタグが付きます。',
  'Its hardware address. Default: that of an interface it is made of.': '既定: 構成するインターフェースのMACアドレス。',
  'Its hardware address.': 'MACアドレス。',
  'Its largest frame in bytes.': '最大のフレーム (バイト)。',
  'Its tags.': 'タグ。',
  'How often the bond checks its links, in milliseconds.': 'リンクを監視する間隔 (ミリ秒)。',
  'True: use the spanning tree protocol.': 'スパニングツリープロトコルを使います。',
  'The forward delay in seconds.': '転送遅延 (秒)。',
  'How it gets an address there: auto (the region chooses one), static, dhcp, or link_up (none).':
    'アドレスの取得方法: auto (リージョンが選択)、static、dhcp、link_up (なし)。',
  'The address of a static link. Default: a free one.': 'staticのアドレス。既定: 空きアドレス。',
  'True: replace all other links of the interface.': 'このインターフェースの他のリンクをすべて置き換えます。',
  "True: the subnet's router is the default gateway.": 'サブネットのルーターを既定ゲートウェイにします。',
  'Its model.': 'モデル。',
  'Its serial number, by which a deployment finds it.': 'デプロイ時にディスクを見つけるためのシリアル番号。',
  "/dev/ and the kernel's name, by which a deployment finds a disk without a serial number.":
    '/dev/とカーネルでの名前。シリアル番号のないディスクをデプロイ時に見つけるために使います。',
  'Its size in bytes, or with K, M, G or T.': 'サイズ (バイト)。K、M、G、Tも使えます。',
  'Its size in bytes, or with K, M, G or T. Default: all that is free.':
    'サイズ (バイト)。K、M、G、Tも使えます。既定: すべての空き。',
  'The bytes of a block. Default: 512.': '1ブロックのバイト数。既定: 512。',
  'The bytes of a block.': '1ブロックのバイト数。',
  'The mount point: an absolute path; `none` for swap.': 'マウントポイント: 絶対パス。swapの場合はnone。',
  'The options of the mount, as in fstab.': 'fstabと同じマウントオプション。',
  'The size of a partition for /boot. Default: none.': '/boot用パーティションのサイズ。既定: なし。',
  'The size of the partition of the root, or of the volume group. Default: all.':
    'ルートのパーティションまたはボリュームグループのサイズ。既定: すべて。',
  'lvm: the name of the group; vgroot.': 'lvm: グループの名前。既定: vgroot。',
  'lvm: the name of the volume; lvroot.': 'lvm: ボリュームの名前。既定: lvroot。',
  'lvm: the size of the volume of the root. Default: all.': 'lvm: ルートのボリュームのサイズ。既定: すべて。',
};

const DRIVERS: Readonly<Record<string, string>> = { manual: '手動', virsh: 'Virsh (仮想マシン)' };

const WEB_URL = 'ユーザー名を含まないhttpまたはhttpsのURL';
const EXPRESSION = '512文字以内の正規表現';
const ASCII = '印字可能なASCII文字';

/** Of each driver and parameter. */
const PARAMETERS: Readonly<Record<string, { readonly label: string; readonly expects?: string }>> = {
  'ipmi power_address': {
    label: 'BMCのアドレス',
    expects: 'アドレスまたは名前。ポートが623でない場合はポートも指定: 10.0.0.5、bmc-7:6230、[fd00::5]:623',
  },
  'ipmi power_user': { label: 'ユーザー', expects: '印字可能なASCII文字16文字以内' },
  'ipmi power_pass': { label: 'パスワード', expects: '印字可能なASCII文字20文字以内' },
  'ipmi power_driver': { label: 'プロトコル: IPMI 2.0または1.5' },
  'ipmi power_boot_type': { label: '起動に使うファームウェア' },
  'ipmi power_off_mode': { label: '電源の切り方: BMCがソフトオフに対応しない場合はhard' },
  'ipmi cipher_suite_id': { label: '暗号スイート' },
  'ipmi privilege_level': { label: '権限レベル' },
  'ipmi k_g': {
    label: 'BMCの鍵 (K_g)',
    expects:
      '印字可能なASCII文字20文字以内。それ以外の鍵は、すべてのユーザーから見える引数としてしかipmitoolに渡せません',
  },
  'ipmi mac_address': { label: 'BMCのMACアドレス', expects: '16進数2桁を6組' },
  'ipmi workaround_flags': { label: 'FreeIPMI用のフラグ (ipmitoolでは不要)', expects: 'コンマ区切りの名前' },
  'virsh power_address': {
    label: 'ホストのURI',
    expects: 'libvirtのURI: qemu+ssh://user@host/system、qemu:///system、qemu+tls://host/system、test:///default',
  },
  'virsh power_id': {
    label: '仮想マシンの名前',
    expects: 'そのホストでのマシンの名前またはUUID。名前が数字の場合はUUID (virsh domuuid NAME)',
  },
  'virsh power_pass': {
    label: 'パスワード',
    expects: 'qemu+ssh://で`rackboot power key`の鍵を受け付けないホストの場合のみ。印字可能な128文字以内',
  },
  'webhook power_on_uri': { label: '電源を入れるURL (POST)', expects: WEB_URL },
  'webhook power_off_uri': { label: '電源を切るURL (POST)', expects: WEB_URL },
  'webhook power_query_uri': { label: '状態を返すURL (GET)', expects: WEB_URL },
  'webhook power_on_regex': { label: '電源オンのときに問い合わせの応答と一致するもの', expects: EXPRESSION },
  'webhook power_off_regex': { label: '電源オフのときに問い合わせの応答と一致するもの', expects: EXPRESSION },
  'webhook power_user': { label: 'ユーザー', expects: ASCII },
  'webhook power_pass': { label: 'パスワード', expects: ASCII },
  'webhook power_token': { label: 'トークン (ユーザーとパスワードの代わり)', expects: ASCII },
  'webhook power_verify_ssl': { label: '証明書を検証' },
};

export const JAPANESE: Translation = {
  happenings: HAPPENINGS_JA,
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
    hint: (description) => HINTS[description] ?? description,
    changedMeanwhile: (now) =>
      now === ''
        ? 'この間に、他の人または別のタブで空にされました。もう一度保存すると、入力した値になります。'
        : `この間に、他の人または別のタブで変更されました: ${now}。もう一度保存すると、入力した値に置き換わります。`,
  },
  values: {
    ago: (ms) => inUnits(formatAge(ms).replace('just now', 'たった今')).replace(/ago$/, '前'),
    state: (status) => STATES[status],
    eventType: (type) => EVENTS[type],
    changed: ({ from, to }) => `${STATES[from]}から${STATES[to]}に変わりました`,
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
    driver: (driver) => DRIVERS[driver] ?? driverLabel(driver),
    parameter: (driver, name) => PARAMETERS[`${driver} ${name}`] ?? parameterWords(driver, name),
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
    found: (found, all) => (found === all ? String(all) : `${all}件中${found}件`),
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
