"""State machines and the values that flow through them. Knows LangChain and LangGraph, nothing of ours."""
