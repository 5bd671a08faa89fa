/** A hybrid torrent (BEP 52) of a file whose byte `i` is `i % 251`. */
export interface LibtorrentVector {
  readonly size: number
  readonly pieceLength: number
  /** The `pieces root`. */
  readonly root: string
  /** The SHA-256 of what `piece layers` has of the file; nothing where it has nothing. */
  readonly layer: string
  /** Both info-hashes, of the name `für elise.bin`. */
  readonly v1: string
  readonly v2: string
}

/** Made by libtorrent 2.1.1 for Python: `create_torrent` without flags, `set_piece_hashes`, `generate`. */
export const libtorrentVectors: readonly LibtorrentVector[] = [
  {
    size: 1,
    pieceLength: 262144,
    root: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    layer: '',
    v1: '6f5dfd282a208caa76e351e106cbfeb6267ac460',
    v2: 'a85357509e7c03b21ec72c73cc3bdadc1ff276a605a8bf9be969d442ae17a656',
  },
  {
    size: 16383,
    pieceLength: 262144,
    root: 'e08c7d58e58b9318263144a618d6f2b6f6825974decd9e6f9371567354b6f566',
    layer: '',
    v1: 'ff869b6bd6c1a954958cf196c8ee6a5701954b12',
    v2: 'bc150ed6c69def46f5ec69e2e69cbccc423555e09252e3e6c7c5f3808286d0d3',
  },
  {
    size: 16384,
    pieceLength: 262144,
    root: '4348e3b98e8a327b34ced39c1da9e67cdb4cd5e48e4d7960607a3ae403d35f0c',
    layer: '',
    v1: 'c5a95ac8edef0ee890d314ef019961618fe8fade',
    v2: '1da87135c6bb41271935197c8269a577c2259c03586fe4e0be29986630d582bf',
  },
  {
    size: 16385,
    pieceLength: 262144,
    root: '9d7887c65d577a0237fb3c0998b87b3a62762d03796889a2caea01db914ccbb8',
    layer: '',
    v1: '20567b0eb0fa5d2a7e7869361b0da7fcd4213f91',
    v2: 'd16f99c9612a8da438447fd5fbacf13a6ddedcd6f3f25460bb60aa6e18adbf7a',
  },
  {
    size: 49152,
    pieceLength: 262144,
    root: 'c23d35ec942288a7d9b58d1d0446a76104660b7c72e5cf39f38bddb028ff8ca0',
    layer: '',
    v1: 'c9510f1523d84f18ce47ab0732c6491bb8fce326',
    v2: 'f21a98e3227c7d0e108803153d2ead8885f6e421c61514d61e7c687cf78e0d27',
  },
  {
    size: 262143,
    pieceLength: 262144,
    root: '1e631a95fe96ec847c8151a7ae6c9311474158db77f281478b2b56cd49c257f7',
    layer: '',
    v1: '97b26e215a74d8e96891baa8fd7e549d2ee9af91',
    v2: '10d4e5c16b0233f1a85d6949ebfff75098c810b353f3d6958ffc25effbd83bb1',
  },
  {
    size: 262144,
    pieceLength: 262144,
    root: '936f20cb9f0648c16ce2556795f1cc50ad21a3e3ec53ed8a6e554a75f8a4357f',
    layer: '',
    v1: 'b12a320e6a16203cb34ef2b3ecca937ac1627ad8',
    v2: 'a7cda30cb882f61ba92426acec181e38a8457401a280ffc5d7bccb95fb45fd97',
  },
  {
    size: 262145,
    pieceLength: 262144,
    root: 'd6f39dae7db99e68cc1fd1541d0b1d18494351053ab3ab19f7fcd0c442ed6b00',
    layer: 'd6f39dae7db99e68cc1fd1541d0b1d18494351053ab3ab19f7fcd0c442ed6b00',
    v1: '761399df328fc9bea6e785fa435836d4a5cd95c2',
    v2: '9dc09919ba9c4533c137d076070775e54a0c683f13e504d99ea4529e4157a13c',
  },
  {
    size: 524288,
    pieceLength: 262144,
    root: 'bfd2b632259b435b3ff25be1a2ce0462a783d9afe7873b3d6f797cfbddca8002',
    layer: 'bfd2b632259b435b3ff25be1a2ce0462a783d9afe7873b3d6f797cfbddca8002',
    v1: 'e9cdee7fa3ef44ad60b916eb2853caeaf1b766b2',
    v2: '494f3fde8c214984b31f6fd66738e33bef8f033029470b2f0dbbdfc348802222',
  },
  {
    size: 1310727,
    pieceLength: 262144,
    root: '7053edc9bdfaa185dfe28d8ee9e7180f3a2834af914b067908d62f97c9bef33f',
    layer: 'f69f5bbd1148f0ccac04807b20289d9ffd39ab0e53b5a89b30e5059cf7bde9c8',
    v1: '8a47931298b60689f24ef2e7c6532c0e26589ca3',
    v2: 'a3ce1b72e6d632cdd3246dff3159fdc7a2ed35c0803d24553c88bec6bf5e7a9c',
  },
  {
    size: 16384,
    pieceLength: 16384,
    root: '4348e3b98e8a327b34ced39c1da9e67cdb4cd5e48e4d7960607a3ae403d35f0c',
    layer: '',
    v1: '953ec6a084746206b0199c229c9d653c1fa3ae3a',
    v2: 'c05379cd43590aa18d0ce5c814a197a9209a9301783da9097680cb2d1837e12b',
  },
  {
    size: 16385,
    pieceLength: 16384,
    root: '9d7887c65d577a0237fb3c0998b87b3a62762d03796889a2caea01db914ccbb8',
    layer: '9d7887c65d577a0237fb3c0998b87b3a62762d03796889a2caea01db914ccbb8',
    v1: '4a26a5bda48ad4064dfd930366fdbeced00d6e55',
    v2: 'b2403d906d9feb5c1ecf82f4db13d40c035ce612590ac849963078ad90ce5af9',
  },
  {
    size: 114688,
    pieceLength: 16384,
    root: 'ff6fd65fd7050c30237e4297829cacb36a006f32acfc88cf8f2757d57353aef4',
    layer: 'a1d1fc3bb4863b1a1cc93986a789694aecb10b8bdb80aaeb081b6a10d2168001',
    v1: 'ba5d775ebe7085c9dc87529b44b020feebc21b31',
    v2: '0111bc198a363b8d885cc2fd0ccb7878f2f1da352f6618598674169cd3248ac7',
  },
  {
    size: 147456,
    pieceLength: 32768,
    root: '0f9c9a01a2dc4d227407e43764976a22829164eb1b5e52d2c80634e5996bc3b7',
    layer: '3608173b011b744e3df041a7a52c057dc27719b46fde52d96d33aadfd74f4152',
    v1: '84972149dd17416e872a7135beaf3c9295c23aa4',
    v2: 'f8414835a74fb9243b05dc7e76ab210d00258dc2ce5d473cc6b279bbaa6a0569',
  },
  {
    size: 294911,
    pieceLength: 32768,
    root: '24a26bff107d185651adde8b85db322923fe23612aa5996cd252763c2e0eb9bc',
    layer: '9c7a44808a1327bfccfc5a2a564d9f81b27ba9abc9672542e37e5cff65cea7fe',
    v1: 'ebbb49181b082cb2971e0da4324c9b994553df8d',
    v2: 'bc7c810ded766a553a53dd0552c11fd44f2d21c6ff5a0f9c4305bb6bb4f55071',
  },
]
