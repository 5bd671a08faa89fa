import { render } from 'preact'
import './ui/base.css'
import './ui/controls.css'
import './ui/frame.css'
import './ui/dialogs.css'
import './uploads/uploads.css'
import './files/files.css'
import './audio/audio.css'
import './player/player.css'
import './cluster/cluster.css'
import './ui/plain.css'
import './ui/phone.css'
import { App } from './app.tsx'

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
