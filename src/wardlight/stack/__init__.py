"""What runs beside the server: Prometheus, Alertmanager, exporters, Grafana; rendered, started and watched over.

`plan` says which parts there are, `render` writes their configuration, `supervisor` keeps them alive, `health` asks
how they are, and `run` puts this together for `wardlight up`, `down` and `status`.
"""
